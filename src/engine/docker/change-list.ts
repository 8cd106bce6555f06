import type { ChangedPaths } from '../container-engine.ts';

/** Of more, only the beginning is read: some hundred thousand paths. */
const MAX_BYTES = 8 * 1024 * 1024;

/** An engine's answer to what has changed in a container: `[{"Path":"/etc/x","Kind":1},…]`, or `null` for nothing. */
export class ChangeList {
  readonly #chunks: Buffer[] = [];
  #length = 0;

  /** Takes a piece of the answer; `false` once there is no room for more. */
  add(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    return this.#length <= MAX_BYTES;
  }

  /** What was added or changed, of all entries that are there as a whole. */
  read(): ChangedPaths {
    const complete = this.#length <= MAX_BYTES;
    const answer = Buffer.concat(this.#chunks).subarray(0, MAX_BYTES);
    const changes: readonly Change[] | null = JSON.parse(
      complete ? answer.toString('utf8') : wholeEntries(answer),
    );
    const paths = (changes ?? []).filter(({ Kind }) => Kind !== DELETED).map(({ Path }) => Path);
    return { paths, complete };
  }
}

/** The list up to its last entry that ends in it. Entries hold strings and numbers only. */
function wholeEntries(list: Buffer): string {
  let end = 0;
  let isInString = false;
  for (let i = 0; i < list.length; i += 1) {
    const byte = list[i];
    if (isInString && byte === BACKSLASH) i += 1;
    else if (byte === QUOTE) isInString = !isInString;
    else if (byte === BRACE && !isInString) end = i + 1;
  }
  return end === 0 ? '[]' : `${list.subarray(0, end).toString('utf8')}]`;
}

const QUOTE = '"'.charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);
const BRACE = '}'.charCodeAt(0);
const DELETED = 2;

interface Change {
  readonly Path: string;
  readonly Kind: number;
}
