import type { MeasuredProcess } from '../shared/process.ts';

/** What lives in a process after a garbage collection, buffers with it, in bytes. @param process started with `--inspect` */
export async function liveBytes(process: MeasuredProcess): Promise<number> {
  const [address] = /ws:\/\/\S+/.exec(process.output()) ?? [];
  if (address === undefined) throw new Error('the process has no inspector');
  const socket = new WebSocket(address);
  await new Promise((opened) => socket.addEventListener('open', opened, { once: true }));
  const answers = new Map<number, (result: unknown) => void>();
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id: number; result: unknown };
    answers.get(id)?.(result);
  });
  const call = async (id: number, method: string, params: object = {}) => {
    socket.send(JSON.stringify({ id, method, params }));
    return await new Promise<unknown>((resolve) => answers.set(id, resolve));
  };
  await call(1, 'HeapProfiler.collectGarbage');
  await call(2, 'HeapProfiler.collectGarbage');
  const expression = '(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())';
  const { result } = (await call(3, 'Runtime.evaluate', { expression })) as { result: { value: number } };
  socket.close();
  return result.value;
}
