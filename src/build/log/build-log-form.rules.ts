import type { LogLine } from './build-log.codec.ts';
import { readableBytes } from './build-log-text.rules.ts';

/** What a log can be downloaded as: `raw`, the bytes as they were printed, or `text`, UTF-8 without terminal codes. */
export const LOG_FORMS = ['text', 'raw'] as const;
export type LogForm = (typeof LOG_FORMS)[number];

/** What stands for a gap, on a line of its own. */
export const GAP_NOTE = '[lines are missing here]';

const NEWLINE = Buffer.from('\n');
const GAP_LINE = Buffer.from(`${GAP_NOTE}\n`);

/** Lines in one of the forms: each one followed by a newline unless none was printed. */
export function printLines(lines: readonly LogLine[], form: LogForm): Buffer {
  const parts: Uint8Array[] = [];
  for (const { stream, data, partial } of lines) {
    if (stream === 'GAP') {
      parts.push(GAP_LINE);
      continue;
    }
    parts.push(form === 'raw' ? data : readableBytes(data));
    if (!partial) parts.push(NEWLINE);
  }
  return Buffer.concat(parts);
}
