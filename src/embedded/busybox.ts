import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import type { DataFolder } from './data-folder.ts';
import { fetchPackageFile } from './debian-package.ts';
import { findProgram, runProgram } from './machine.ts';

/** A busybox that needs no library, so that it runs in an otherwise empty image. */
export interface Busybox {
  readonly path: string;
  /** The commands it plays, as paths without the first slash: `bin/ls`, `usr/bin/awk`. */
  readonly commands: readonly string[];
}

/** @throws Error it can be neither found nor fetched */
export async function findBusybox(folder: DataFolder, say: (line: string) => void): Promise<Busybox> {
  const installed = findProgram('busybox');
  const path = installed && isStatic(installed) ? installed : await fetchBusybox(folder, say);
  if (!path) throw new Error('there is no static busybox here: install busybox-static');
  const listed = await runProgram(path, ['--list-full']);
  const commands = listed.split('\n').filter((line) => line !== '' && line !== 'bin/busybox');
  return { path, commands: commands.sort() };
}

async function fetchBusybox(folder: DataFolder, say: (line: string) => void): Promise<string | null> {
  const onFetch = () => say("Base image: fetching Debian's busybox-static …");
  // Debian 12 has it in bin, later ones in usr/bin.
  const path = await fetchPackageFile(folder, 'busybox-static', 'bin/busybox', onFetch);
  if (path) return path;
  const moved = `${folder.tools}/busybox-static/usr/bin/busybox`;
  return existsSync(moved) ? moved : null;
}

/** A 64-bit ELF file without an interpreter entry (PT_INTERP, 3) in its program headers loads no library. */
function isStatic(path: string): boolean {
  const head = Buffer.alloc(4096);
  const file = openSync(path, 'r');
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  if (head.toString('latin1', 0, 5) !== '\x7fELF\x02') return false;
  const start = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  if (start + size * count > head.length) return false;
  return Array.from({ length: count }, (_, i) => head.readUInt32LE(start + i * size)).every(
    (type) => type !== 3,
  );
}
