import { createHash } from 'node:crypto';

/** A cursor with any body and the checksum that belongs to it, as anybody can make one. */
export function forgeCursor(list: string, body: string): string {
  const checksum = createHash('sha256').update(`${list}\n${body}`).digest('base64url').slice(0, 8);
  return Buffer.from(`${checksum}${body}`).toString('base64url');
}
