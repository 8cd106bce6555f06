import type { ExecutionResult } from 'graphql';

const MAX_LINES = 5000;

interface Line {
  readonly seq?: number;
  readonly text: string;
}

/**
 * GraphiQL shows the newest message of a subscription only, which of a log is its last few lines. This adds all lines since the
 * start, as `extensions.wholeLog`, to each message that has lines and to the ones after it; other messages stay as they are.
 */
export function collectLog(): (result: ExecutionResult) => ExecutionResult {
  const shown: string[] = [];
  let lastSeq = 0;
  let left = 0;
  return (result) => {
    for (const { seq, text } of linesOf(result.data)) {
      // After a lost connection the log comes again from its beginning.
      if (seq !== undefined && seq <= lastSeq) continue;
      lastSeq = seq ?? lastSeq;
      shown.push(text);
    }
    if (shown.length > MAX_LINES) left += shown.splice(0, shown.length - MAX_LINES).length;
    if (shown.length === 0) return result;
    const wholeLog = left > 0 ? [`… ${left} earlier lines …`, ...shown] : [...shown];
    return { ...result, extensions: { wholeLog } };
  };
}

function linesOf(data: unknown): Line[] {
  return Object.values(data ?? {}).flatMap((field: unknown) => {
    const lines = field !== null && typeof field === 'object' && 'lines' in field ? field.lines : null;
    return Array.isArray(lines) ? lines.filter((line: unknown): line is Line => isLine(line)) : [];
  });
}

function isLine(line: unknown): boolean {
  return line !== null && typeof line === 'object' && 'text' in line && typeof line.text === 'string';
}
