import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type DataFolder, openDataFolder, socketFolderOf } from '../../src/embedded/data-folder.ts';
import { bootId } from '../../src/embedded/machine.ts';
import { endSession, identify, isRunning, readRecord } from '../../src/embedded/process-record.ts';

/** A data folder of its own for a test, with all it holds taken away at the end. */
export interface TestFolder extends AsyncDisposable {
  readonly data: DataFolder;
}

const TOOLS = join(import.meta.dirname, '..', '..', '.slipway', 'test-tools');
const NAME = /^slipway-test-(\d+)-(\d+)-/;

/**
 * Opens a temporary data folder, and clears away those of test runs that were killed, with the programs they left.
 *
 * @param parent the folder that it stands in
 */
export async function openTestFolder(parent = tmpdir()): Promise<TestFolder> {
  for (const name of readdirSync(parent)) {
    const [, pid, startTicks] = NAME.exec(name) ?? [];
    if (pid === undefined || startTicks === undefined) continue;
    const owner = { pid: Number(pid), startTicks, bootId: bootId() };
    const isOurs = statSync(join(parent, name), { throwIfNoEntry: false })?.uid === process.geteuid?.();
    if (isOurs && !isRunning(owner)) await clear(join(parent, name));
  }
  // The owner stands in the name, so that no other run can meet the folder without it.
  const root = mkdtempSync(join(parent, `slipway-test-${process.pid}-${identify(process.pid)?.startTicks}-`));
  chmodSync(root, 0o711); // As root, PostgreSQL's own user passes through it.
  // Fetched programs are kept from run to run.
  mkdirSync(join(root, 'data'), { mode: 0o711 });
  mkdirSync(TOOLS, { recursive: true });
  symlinkSync(TOOLS, join(root, 'data', 'tools'));
  return { data: openDataFolder(join(root, 'data')), [Symbol.asyncDispose]: () => clear(root) };
}

/** Ends every program that still runs out of a test's data folder, and removes the folder. */
async function clear(root: string): Promise<void> {
  const data = join(root, 'data');
  const run = join(data, 'run');
  // A run that was killed at once has made none of these.
  const records = existsSync(run) ? readdirSync(run).filter((name) => name.endsWith('.json')) : [];
  for (const file of records) {
    const left = readRecord(run, basename(file, '.json'));
    if (left) await endSession(left, 'SIGTERM', 10_000);
  }
  for (const folder of [socketFolderOf(data), root]) {
    unmountBelow(folder);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** An engine that was killed leaves the file systems and the networks of its builds mounted. */
function unmountBelow(root: string): void {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(`${root}/`));
  // The deepest first; lazily, because a process of the build may still sit in it.
  for (const point of points.reverse()) spawnSync('umount', ['--lazy', point]);
}
