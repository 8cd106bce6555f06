import type { IncomingHttpHeaders } from 'node:http';

/** Bytes `from` to `to`, `to` not with them. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * The one range that a request asks for.
 *
 * @param size what there is, in bytes
 * @param etag what it is now; `null`: it is still growing
 * @returns `null`: everything. So are a range that is malformed, in another unit or one of several, and one on the condition
 *   (`If-Range`) that it is what it was; `'unsatisfiable'`: it begins after the end
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14
 */
export function requestedRange(
  headers: IncomingHttpHeaders,
  size: number,
  etag: string | null,
): ByteRange | 'unsatisfiable' | null {
  const condition = headers['if-range'];
  if (condition !== undefined && condition !== etag) return null;
  const [, first, last] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(headers.range ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return null;
  if (first === '') {
    const count = Math.min(Number(last), size);
    return count === 0 ? 'unsatisfiable' : { from: size - count, to: size };
  }
  if (last !== '' && Number(last) < Number(first)) return null;
  if (Number(first) >= size) return 'unsatisfiable';
  return { from: Number(first), to: last === '' ? size : Math.min(Number(last) + 1, size) };
}

/** Does the client have this already, by its `If-None-Match`? */
export function isUnchanged(headers: IncomingHttpHeaders, etag: string): boolean {
  const known = headers['if-none-match'];
  if (known === undefined) return false;
  if (known.trim() === '*') return true;
  return [...known.matchAll(/(?:W\/)?("[^"]*")/g)].some(([, tag]) => tag === etag);
}
