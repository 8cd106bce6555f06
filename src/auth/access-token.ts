import { hash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What every token of ours starts with, so that a leaked one is recognised by scanners. */
const PREFIX = 'slwt_';
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 62^43 is more than 2^256. */
const SECRET_DIGITS = 43;
/** 62^6 is more than 2^32. */
const CHECKSUM_DIGITS = 6;
/** Shows the first six digits of the secret: its owner tells tokens apart by them, and 220 bits stay unknown. */
const SHOWN_LENGTH = PREFIX.length + 6;

const FORM = new RegExp(`^${PREFIX}[${DIGITS}]{${SECRET_DIGITS + CHECKSUM_DIGITS}}$`);
/** Tokens that were made before there was a checksum: 256 bits in base64url. */
const EARLIER_FORM = /^slw_[A-Za-z0-9_-]{43}$/;

/** A new token: the prefix, at least 256 random bits in base 62, and a checksum of both. */
export function generateAccessToken(): string {
  let text = PREFIX;
  for (let i = 0; i < SECRET_DIGITS; i += 1) text += DIGITS.charAt(randomInt(DIGITS.length));
  return text + checksumOf(text);
}

/** Can this be an access token of ours? What was mistyped or cut off cannot, and is not worth a look into the database. */
export function hasAccessTokenForm(text: string): boolean {
  if (EARLIER_FORM.test(text)) return true;
  return FORM.test(text) && checksumOf(text.slice(0, -CHECKSUM_DIGITS)) === text.slice(-CHECKSUM_DIGITS);
}

/** What is stored of a token: its SHA-256 in hex. */
export function hashAccessToken(token: string): string {
  return hash('sha256', token);
}

/** What is shown of a token after it was made, e.g. `slwt_a1B2c3`. */
export function shownPrefixOf(token: string): string {
  return token.slice(0, SHOWN_LENGTH);
}

/** CRC-32 as GitHub's tokens have it: in base 62, with leading zeros. */
function checksumOf(text: string): string {
  let digits = '';
  for (let rest = crc32(text); rest > 0; rest = Math.floor(rest / DIGITS.length)) {
    digits = DIGITS.charAt(rest % DIGITS.length) + digits;
  }
  return digits.padStart(CHECKSUM_DIGITS, DIGITS.charAt(0));
}
