import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What came back, over whichever edge. */
export interface FuzzAnswer {
  /** `null` over the socket. */
  readonly status: number | null;
  readonly type: string;
  readonly text: string;
  readonly durationMs: number;
}

const SOURCE = join(import.meta.dirname, '../../src');

/** Every code that the sources name, so that a new one needs no entry here; that of a fault of ours is none to be answered. */
const KNOWN_CODES: ReadonlySet<string> = new Set(
  ['graphql', 'http', 'shared', 'auth']
    .flatMap((folder) => readdirSync(join(SOURCE, folder)).map((name) => join(SOURCE, folder, name)))
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => [...readFileSync(path, 'utf8').matchAll(/'([A-Z]{3,}(?:_[A-Z]+)*)'/g)])
    .map(([, code]) => code as string)
    .filter((code) => code !== 'INTERNAL_SERVER_ERROR'),
);

const literally = (text: string): RegExp => new RegExp(text.replaceAll(/[^\w/]/g, '.'));

/** What no answer may say, and no input of ours says: stacks, statements, relations, files and addresses of the server. */
const LEAKS: readonly RegExp[] = [
  /\n\s+at .+[:(]/,
  /\.[tj]s:\d+/,
  /node_modules|node:internal/,
  /\b(?:select|insert into|update|delete from) [^\\]{0,80}"[a-z_]+"/,
  /\brelation "|\bcolumn "|constraint "|violates |duplicate key|syntax error at or near|invalid byte sequence/,
  /\bSQLSTATE|MikroORM|kysely|pg-boss|DriverException/i,
  /ECONN[A-Z]+|ENOENT|EACCES|getaddrinfo/,
  /postgres(?:ql)?:\/\//,
  literally(process.cwd()),
  literally(tmpdir()),
  /is not a function|Cannot read propert|ReferenceError|TypeError|is not iterable|Cannot destructure|Maximum call stack|Invalid time value|Invalid array length/,
];

/** Far above what anything takes, on a machine that does other things as well. */
const MAX_MS = 10_000;

/** What is wrong with an answer; `null`: nothing. */
export function answerProblem(answer: FuzzAnswer, sent: string): string | null {
  const { status, type, text, durationMs } = answer;
  if (durationMs > MAX_MS) return `took ${Math.round(durationMs)} ms`;
  if (status !== null && status >= 500) return `status ${status}`;
  // What the input says itself is no leak.
  const leak = LEAKS.map((pattern) => pattern.exec(text)?.[0]).find(
    (found) => found && !sent.includes(found),
  );
  if (leak) return `says ${leak}`;
  // HEAD, and answers like 304.
  if (text === '') return null;
  if (!type.includes('json')) return isPlain(answer) ? null : `is ${type}`;
  return codeProblem(text);
}

/** Logs and pages are no JSON. */
const isPlain = ({ status, type }: FuzzAnswer): boolean =>
  status !== null &&
  status < 400 &&
  /^(?:text\/(?:plain|html|javascript|css)|application\/octet-stream|image\/|font\/)/.test(type);

function codeProblem(text: string): string | null {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return 'is no JSON';
  }
  const { errors = [] } = body as { errors?: readonly { extensions?: { code?: unknown } }[] };
  for (const { extensions } of errors) {
    if (!KNOWN_CODES.has(String(extensions?.code))) return `has the code ${String(extensions?.code)}`;
  }
  return null;
}
