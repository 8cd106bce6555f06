import type { MeasuredProcess } from './process.ts';
import { table } from './table.ts';

/** The parts of a V8 CPU profile that are read here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

/** What Node needs so that its process can be profiled. */
export const PROFILED = ['--inspect=127.0.0.1:0'];

const SAMPLE_MICROSECONDS = 500;
const MODULES = 15;
const FUNCTIONS = 25;
/** What V8 calls the time in which nothing ran. */
const IDLE = new Set(['(idle)', '(root)', '(program)']);

/**
 * Where a process's time goes meanwhile: its own time by module and by function, as shares of all that it was busy.
 *
 * @param process started with {@link PROFILED}
 * @returns two tables
 */
export async function profile(process: MeasuredProcess, meanwhile: () => Promise<unknown>): Promise<string> {
  const [address] = /ws:\/\/\S+/.exec(process.output()) ?? [];
  if (address === undefined) throw new Error('the process has no inspector');
  const socket = new WebSocket(address);
  await new Promise((opened, failed) => {
    socket.addEventListener('open', opened, { once: true });
    socket.addEventListener('error', failed, { once: true });
  });
  let calls = 0;
  const call = async (method: string, params: object = {}): Promise<unknown> => {
    const id = ++calls;
    socket.send(JSON.stringify({ id, method, params }));
    return await new Promise((answered) => {
      socket.addEventListener('message', function read({ data }) {
        const message = JSON.parse(String(data)) as { id?: number; result?: unknown };
        if (message.id !== id) return;
        socket.removeEventListener('message', read);
        answered(message.result);
      });
    });
  };
  await call('Profiler.enable');
  await call('Profiler.setSamplingInterval', { interval: SAMPLE_MICROSECONDS });
  await call('Profiler.start');
  await meanwhile();
  const { profile } = (await call('Profiler.stop')) as { profile: CpuProfile };
  socket.close();
  return summaryOf(profile);
}

function summaryOf({ nodes, samples, timeDeltas }: CpuProfile): string {
  const frames = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const [byModule, byFunction] = [new Map<string, number>(), new Map<string, number>()];
  let busy = 0;
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    const time = timeDeltas[index] ?? 0;
    if (frame === undefined || IDLE.has(frame.functionName)) continue;
    busy += time;
    const module = moduleOf(frame.url, frame.functionName);
    add(byModule, module, time);
    add(byFunction, `${frame.functionName || '(anonymous)'}, ${module}:${frame.lineNumber + 1}`, time);
  }
  return [top('module', byModule, busy, MODULES), top('function', byFunction, busy, FUNCTIONS)].join('\n\n');
}

/** A package's name, a source of ours below src/, or a module of Node's own. */
function moduleOf(url: string, functionName: string): string {
  if (url === '') return functionName === '(garbage collector)' ? functionName : '(native or compiled)';
  const path = url.replace(/^file:\/\//, '');
  const inPackage = path.lastIndexOf('/node_modules/');
  if (inPackage !== -1) {
    const [scope = '', name = ''] = path.slice(inPackage + '/node_modules/'.length).split('/');
    return scope.startsWith('@') ? `${scope}/${name}` : scope;
  }
  const own = path.lastIndexOf('/src/');
  return own === -1 ? path : path.slice(own + 1);
}

function add(sums: Map<string, number>, name: string, time: number): void {
  sums.set(name, (sums.get(name) ?? 0) + time);
}

function top(what: string, sums: ReadonlyMap<string, number>, all: number, count: number): string {
  const rows = [...sums].toSorted(([, a], [, b]) => b - a).slice(0, count);
  return table(
    [what, 'own time'],
    rows.map(([name, time]) => [name.replaceAll('|', '/'), `${((100 * time) / all).toFixed(1)} %`]),
  );
}
