import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A secret that is made once and kept, readable by its owner only. */
export function keptSecret(
  path: string,
  make: () => string = () => randomBytes(24).toString('base64url'),
): string {
  const kept = readIfThere(path)?.trim();
  if (kept) {
    chmodSync(path, 0o600);
    return kept;
  }
  const secret = make();
  writePrivateFile(path, `${secret}\n`);
  return secret;
}

/** Writes a file of mode 0600 so that a crash leaves the old one or the new one, never half of it. */
export function writePrivateFile(path: string, text: string): void {
  const temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`);
  const file = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

/** The text of a file, `null` where it does not exist. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
