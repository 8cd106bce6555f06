import { UnavailableError } from '../../shared/errors.ts';
import type { BuildLogSource } from './build-log.source.ts';
import { type LogForm, printLines } from './build-log-form.rules.ts';

/** Lines that are printed at once: about 64 KiB. */
const LINES_PER_CHUNK = 1000;

/** Bytes `from` to `to` of a log, `to` not with them; `to` `null`: as far as it goes. */
export interface LogSpan {
  readonly form: LogForm;
  readonly from: number;
  readonly to: number | null;
}

/** How a log is read. */
export interface LogReading {
  /** Goes on until the build has ended; otherwise with what is stored by now. */
  readonly follow: boolean;
  /** Breaks it off. */
  readonly signal: AbortSignal;
}

/**
 * The bytes of a log in one of its forms, in chunks, as they are pulled.
 *
 * @throws UnavailableError where it breaks off before its end: half a log must not look whole
 */
export async function* logBytes(
  source: BuildLogSource,
  buildId: string,
  { form, from, to }: LogSpan,
  reading: LogReading,
): AsyncGenerator<Buffer> {
  if (to !== null && to <= from) return;
  const start = from === 0 ? { afterSeq: 0, offset: 0 } : await source.rowAt(buildId, form, from);
  let { offset } = start;
  for await (const piece of source.follow(buildId, start.afterSeq, reading)) {
    if (piece.kind === 'end' && to === null) return;
    if (piece.kind !== 'lines') break;
    for (let i = 0; i < piece.lines.length; i += LINES_PER_CHUNK) {
      const chunk = printLines(piece.lines.slice(i, i + LINES_PER_CHUNK), form);
      const wanted = chunk.subarray(Math.max(0, from - offset), to === null ? undefined : to - offset);
      offset += chunk.byteLength;
      if (wanted.byteLength > 0) yield wanted;
      if (to !== null && offset >= to) return;
    }
  }
  throw new UnavailableError('The log broke off before its end; ask for the rest of it with a Range.');
}
