import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { Client } from 'undici';
import type { Load, Measured } from './load.ts';

// The load, as a process of its own on a core of its own. It is told what to send, sends it over so many connections, on each of
// them the next request as soon as the last one is answered, and tells what it measured.

const NANOSECONDS_PER_MILLISECOND = 1e6;

process.on('message', (load: Load) => {
  measure(load).then(
    (measured) => process.send?.(measured),
    (error: unknown) => {
      process.stderr.write(`${error}\n`);
      process.exit(1);
    },
  );
});

async function measure({ url, requests, connections, seconds }: Load): Promise<Measured> {
  const clients = Array.from({ length: connections }, () => new Client(url, { pipelining: 1 }));
  const prepared = requests.map(({ body, token }) => ({
    body: Buffer.from(body),
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      authorization: `Bearer ${token}`,
    },
  }));
  const latencies = createHistogram();
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
  const deadline = startedAt + seconds * 1000;
  let next = 0;
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() < deadline) {
        const request = prepared[next++ % prepared.length] as (typeof prepared)[number];
        await send(client, request, latencies);
      }
    }),
  );
  const elapsed = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await Promise.all(clients.map((client) => client.close()));
  const at = (percentile: number) => latencies.percentile(percentile) / NANOSECONDS_PER_MILLISECOND;
  return {
    count: latencies.count,
    perSecond: latencies.count / elapsed,
    p50: at(50),
    p99: at(99),
    cpu: (user + system) / 1e6 / elapsed,
  };
}

/** @throws Error the answer is no data alone */
function send(
  client: Client,
  { body, headers }: { body: Buffer; headers: Record<string, string> },
  latencies: RecordableHistogram,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const sentAt = process.hrtime.bigint();
    let status = 0;
    let hasErrors = false;
    client.dispatch(
      { path: '/graphql', method: 'POST', headers, body },
      {
        onRequestStart() {},
        onResponseStart(_controller, statusCode) {
          status = statusCode;
        },
        onResponseData(_controller, chunk) {
          hasErrors ||= chunk.includes('"errors":');
        },
        onResponseEnd() {
          if (status !== 200 || hasErrors)
            return reject(new Error(`status ${status}, or errors, for ${body}`));
          latencies.record(process.hrtime.bigint() - sentAt);
          resolve();
        },
        onResponseError(_controller, error) {
          reject(error);
        },
      },
    );
  });
}
