import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { endLeftover } from '../../src/embedded/child-process.ts';
import { identify, type ProcessRecord, writeRecord } from '../../src/embedded/process-record.ts';
import { openTestFolder } from '../support/test-folder.ts';

const program = { name: 'something', stopSignal: 'SIGTERM', stopTimeoutMs: 300 } as const;

describe('what a crash left', () => {
  it('is ended', async () => {
    await using folder = await openTestFolder();
    const child = await startSession('exec sleep 100');
    writeRecord(folder.data.run, program.name, recordOf(child));
    const ended = once(child, 'exit');
    expect(await endLeftover(folder.data, program)).toBe(true);
    expect(await ended).toEqual([null, 'SIGTERM']);
    expect(await endLeftover(folder.data, program)).toBe(false);
  });

  it('is killed where it does not listen, and so are the processes it started', async () => {
    await using folder = await openTestFolder();
    const child = await startSession("trap '' TERM; sleep 100 & echo $!; while :; do sleep 100; done");
    const [line] = await once(child.stdout ?? child, 'data');
    writeRecord(folder.data.run, program.name, recordOf(child));
    const ended = once(child, 'exit');
    expect(await endLeftover(folder.data, program)).toBe(true);
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(identify(Number(String(line)))).toBeNull();
  });

  it('is not taken for a stranger who has its pid now', async () => {
    await using folder = await openTestFolder();
    const stranger = await startSession('exec sleep 100');
    const record = recordOf(stranger);
    writeRecord(folder.data.run, program.name, {
      ...record,
      startTicks: `${BigInt(record.startTicks) - 1n}`,
    });
    expect(await endLeftover(folder.data, program)).toBe(false);
    writeRecord(folder.data.run, program.name, { ...record, bootId: 'of another boot' });
    expect(await endLeftover(folder.data, program)).toBe(false);
    expect(identify(record.pid)).toEqual(record);
    stranger.kill('SIGKILL');
  });
});

async function startSession(script: string): Promise<ChildProcess> {
  const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child, 'spawn');
  return child;
}

function recordOf(child: ChildProcess): ProcessRecord {
  const record = identify(child.pid ?? 0);
  if (!record) throw new Error('the process has ended');
  return record;
}
