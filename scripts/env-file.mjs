// The settings as the server sees them, for what runs before it or beside it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as util from 'node:util';
import { root } from './setup-state.mjs';

/** The environment, and what only the project's file `.env` says. A variable that is set, even to nothing, comes first. */
export function settings() {
  const file = join(root, '.env');
  if (!existsSync(file)) return process.env;
  return { ...parseEnv(readFileSync(file, 'utf8')), ...process.env };
}

/** Node's own parser came with 20.12; the one for older Nodes knows NAME=value, quotes and comments. */
export const parseEnv = util.parseEnv ?? parseSimpleEnv;

export function parseSimpleEnv(text) {
  const line =
    /^[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*(?:"([^"]*)"|'([^']*)'|`([^`]*)`|([^#\r\n]*))/gm;
  const values = [...text.matchAll(line)].map(([, name, ...value]) => [name, value]);
  return Object.fromEntries(
    values.map(([name, [double, single, back, bare]]) => [
      name,
      double?.replaceAll('\\n', '\n') ?? single ?? back ?? bare.trim(),
    ]),
  );
}
