import { createHash, randomBytes } from 'node:crypto';

/** What every token of ours starts with, so that a leaked one is recognised by scanners. */
const PREFIX = 'slw_';

/** A new token: the prefix and 256 random bits. */
export function generateAccessToken(): string {
  return `${PREFIX}${randomBytes(32).toString('base64url')}`;
}

/** What is stored of a token: its SHA-256 in hex. */
export function hashAccessToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
