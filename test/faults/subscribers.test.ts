import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { printed, startBuild } from '../support/builds.ts';
import { followLog } from '../support/followed-log.ts';
import { startLogClient } from '../support/log-client.ts';
import { memoryOf } from '../support/processes.ts';
import { openRoles } from '../support/roles.ts';
import { until } from '../support/until.ts';

const LINE_BYTES = 500;

/** A RUN that prints numbered lines of 500 bytes, newline and all, as fast as it can. */
const flood = (baseImage: string, bytes: number) => ({
  name: `flood-${randomUUID()}`,
  dockerfile: `FROM ${baseImage}\nRUN awk 'BEGIN { for (i = 1; i <= ${bytes / LINE_BYTES}; i++) printf "%0${LINE_BYTES - 1}d\\n", i }'\n`,
  noCache: true,
});

/** What {@link flood} prints, for its checksum. */
function floodSha256(bytes: number): string {
  const hash = createHash('sha256');
  for (let i = 1; i <= bytes / LINE_BYTES; i += 1)
    hash.update(`${String(i).padStart(LINE_BYTES - 1, '0')}\n`);
  return hash.digest('hex');
}

describe('a flood of log lines', () => {
  it('arrives whole when 200 MB are followed with a reconnect every 20 MB', async () => {
    await using roles = await openRoles();
    const [{ client, process: server }, worker] = await Promise.all([roles.serve(), roles.work()]);
    const build = await startBuild(client, flood(roles.baseImage, 200_000_000));
    const seen = await followLog(client, build.id, { reconnectBytes: 20_000_000 });
    expect(seen).toMatchObject({
      sha256: floodSha256(200_000_000),
      bytes: 200_000_000,
      wrongSeqs: [],
      status: 'SUCCEEDED',
    });
    expect(seen.connections).toBeGreaterThan(8);
    expect(memoryOf(worker.pid).peak).toBeLessThan(300);
    expect(memoryOf(server.pid).peak).toBeLessThan(500);
  });

  it('keeps head and tail of a log that is longer than the limit, says where it is cut, and the build ends', async () => {
    await using roles = await openRoles({ SLIPWAY_MAX_LOG_BYTES: '1000000' });
    const [{ client }, worker] = await Promise.all([roles.serve(), roles.work()]);
    const build = await startBuild(client, flood(roles.baseImage, 300_000_000));
    const numbers: number[] = [];
    const seen = await followLog(client, build.id, {
      onLines: (lines) => numbers.push(...printed([...lines]).map(({ text }) => Number(text))),
    });
    expect(seen).toMatchObject({ status: 'SUCCEEDED', gaps: 1, wrongSeqs: [] });
    expect(seen.bytes).toBeGreaterThan(500_000);
    expect(seen.bytes).toBeLessThan(1_000_000);
    const cut = numbers.findIndex((number, index) => number !== index + 1);
    const tail = numbers.slice(cut);
    expect(cut).toBeGreaterThan(500);
    expect(tail.length).toBeGreaterThan(100);
    expect(tail.at(-1)).toBe(300_000_000 / LINE_BYTES);
    expect(tail).toEqual(tail.map((_, index) => (tail[0] as number) + index));
    expect(memoryOf(worker.pid).peak).toBeLessThan(300);
  });

  it('costs the server next to nothing for clients that are stopped or slow, who miss nothing, nor do others', async () => {
    await using roles = await openRoles();
    // The same, but for the two clients that are looked at.
    const [without, beside] = await Promise.all([roles.serve(), roles.serve()]);
    const bytes = 100_000_000;
    const build = await startBuild(beside.client, flood(roles.baseImage, bytes));
    await using clients = new AsyncDisposableStack();
    const start = (pauseMs: number) =>
      clients.use(startLogClient(beside.url, beside.client, build.id, pauseMs));
    const stopped = [start(0), start(0), start(0)];
    const slow = [start(1000), start(1000), start(1000)];
    const quick = [without, beside].map(({ client }) => followLog(client, build.id));
    await using _worker = await roles.work();
    await until('all to read', () => [...stopped, ...slow].every(({ lastSeq }) => lastSeq > 0), 60_000);
    for (const client of stopped) client.signal('SIGSTOP');
    const stoppedAt = Date.now();
    const whole = { sha256: floodSha256(bytes), bytes, wrongSeqs: [], status: 'SUCCEEDED' };
    for (const seen of await Promise.all(quick)) expect(seen).toMatchObject({ ...whole, connections: 1 });
    await until('30 s to be over', () => Date.now() - stoppedAt > 30_000, 40_000);
    for (const { lastSeq } of slow) expect(lastSeq).toBeLessThan(bytes / LINE_BYTES);
    const [usual = 0, most = 0] = [without, beside].map(({ process }) => memoryOf(process.pid).peak);
    expect(most - usual).toBeLessThan(6 * 20);
    for (const client of stopped) client.signal('SIGCONT');
    for (const client of slow) client.signal('SIGUSR1');
    for (const { seen } of stopped) expect(await seen).toMatchObject({ ...whole, connections: 2 });
    for (const { seen } of slow) expect(await seen).toMatchObject(whole);
  });
});
