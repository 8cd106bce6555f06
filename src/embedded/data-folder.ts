import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bootId, isRoot } from './machine.ts';
import { readIfThere, writePrivateFile } from './private-file.ts';

/** The folder for everything that Slipway keeps on this machine, and its parts. */
export interface DataFolder {
  /** The folder's real path. */
  readonly path: string;
  /** What started programs print, one file each. */
  readonly logs: string;
  /** Records of started processes. */
  readonly run: string;
  /** Programs fetched without installing them. */
  readonly tools: string;
  /** For unix sockets and what must not outlive a reboot: has a short path and is empty after one. */
  readonly sockets: string;
}

// A unix socket's path has 107 bytes at most, and dockerd makes some 45 bytes below this folder; Podman takes no run
// folder (`podman`, below this one) of more than 50 bytes.
const LONGEST_SOCKET_FOLDER = 50 - '/podman'.length;

/** Makes the data folder and its parts where they are missing. */
export function openDataFolder(wanted: string): DataFolder {
  // As root, PostgreSQL runs as a user of its own and must be able to pass through; it may not list the folder. Secrets
  // are files of mode 0600 of their own.
  const mode = isRoot() ? 0o711 : 0o700;
  mkdirSync(wanted, { recursive: true, mode });
  const path = realpathSync(wanted);
  const part = (name: string, partMode = 0o700) => {
    mkdirSync(join(path, name), { recursive: true, mode: partMode });
    return join(path, name);
  };
  return {
    path,
    logs: part('logs'),
    run: part('run'),
    tools: part('tools', 0o755),
    sockets: openSocketFolder(path),
  };
}

/** A name for this data folder among all those on the machine. */
export function dataFolderKey(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 16);
}

/** Inside the data folder where its path is short enough, else in the machine's folder for such things. */
export function socketFolderOf(dataPath: string): string {
  const inside = join(dataPath, 'run', 'sockets');
  if (Buffer.byteLength(inside) <= LONGEST_SOCKET_FOLDER) return inside;
  return join(isRoot() ? '/run' : '/tmp', `slipway-${dataFolderKey(dataPath)}`);
}

function openSocketFolder(dataPath: string): string {
  const folder = socketFolderOf(dataPath);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== process.geteuid?.() || (found.mode & 0o077) !== 0) {
    throw new Error(
      `${folder} is not a private folder of this user: remove it, or choose a shorter SLIPWAY_DATA_DIR`,
    );
  }
  // Sockets and an engine's state of the last boot mean nothing now, and the pids in them may be somebody else's.
  const stamp = join(folder, 'boot-id');
  if (readIfThere(stamp) !== bootId()) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writePrivateFile(stamp, bootId());
  }
  return folder;
}
