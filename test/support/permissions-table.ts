import { readFileSync, writeFileSync } from 'node:fs';
import type { Ask, Outcome } from './permissions-asks.ts';
import { sidesOf } from './permissions-asks.ts';
import type { Side } from './permissions-stage.ts';

/** What came of an ask, by the side of the object and the viewer's name. */
export type Outcomes = ReadonlyMap<Side, ReadonlyMap<string, Outcome>>;

const WORDS: Readonly<Record<Outcome, string>> = {
  ALLOWED: 'yes',
  FORBIDDEN: 'no',
  HIDDEN: '–',
  SCOPE: 'scope',
  UNAUTHENTICATED: '401',
};

/** The members of the team, on objects of the team. */
const COLUMNS = [
  'stranger',
  'namespace VIEWER',
  'namespace DEVELOPER',
  'namespace OWNER',
  'workspace VIEWER',
  'workspace DEVELOPER',
  'workspace OWNER',
  'both DEVELOPER',
  'its maker, VIEWER',
  'administrator',
  'administrator, READ',
];
/** Whose outcomes others do not share: who is not signed in, who may do everything, and tokens for reading. */
const SPECIAL = /^nobody$|^administrator|, READ$/;

const FILE = new URL('../../docs/security.md', import.meta.url);
const BEGIN = '<!-- permissions: written by npm run permissions -->';
const END = '<!-- permissions: end -->';

/** The table of what everybody may do, in Markdown. */
export function printTable(rows: readonly (readonly [Ask, Outcomes])[]): string {
  const header = ['field', ...COLUMNS, "others' private one", "others' public one"];
  const lines = rows.map(([ask, outcomes]) => {
    const own = COLUMNS.map((viewer) => WORDS[outcomes.get('own')?.get(viewer) as Outcome]);
    return [nameOf(ask), ...own, elsewhere(ask, outcomes, 'foreign'), elsewhere(ask, outcomes, 'public')];
  });
  return [header, header.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** A field, and in which way it is asked for. */
export function nameOf({ field, how }: Ask): string {
  const name = `\`${field.slice(field.indexOf('.') + 1)}\``;
  return how === undefined ? name : `${name} ${how}`;
}

/** What everybody gets who has no role there. */
function elsewhere(ask: Ask, outcomes: Outcomes, side: Side): string {
  if (!sidesOf(ask).includes(side)) return '';
  const met = [...(outcomes.get(side) ?? [])].filter(([viewer]) => !SPECIAL.test(viewer));
  return [...new Set(met.map(([, outcome]) => WORDS[outcome]))].join(' or ');
}

/** The table as `docs/security.md` has it; `null` where it has none. */
export function readTable(): string | null {
  const text = readFileSync(FILE, 'utf8');
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  return from === -1 || to === -1 ? null : text.slice(from + BEGIN.length, to).trim();
}

export function writeTable(table: string): void {
  const text = readFileSync(FILE, 'utf8');
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from === -1 || to === -1) throw new Error(`docs/security.md needs the lines ${BEGIN} and ${END}`);
  writeFileSync(FILE, `${text.slice(0, from + BEGIN.length)}\n\n${table}\n\n${text.slice(to)}`);
}
