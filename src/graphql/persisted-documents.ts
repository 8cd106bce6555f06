import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type GraphQLSchema, parse, specifiedRules, type ValidationRule, validate } from 'graphql';
import { z } from 'zod';
import { excerpt } from '../shared/excerpt.ts';
import { parseOptions } from './document-shape.rules.ts';

/** The documents that may be executed, where only some may. */
export interface PersistedDocuments {
  /** @param id SHA-256 of its text in hexadecimal digits, with or without `sha256:` before it */
  textOf(id: string): string | undefined;
  has(text: string): boolean;
}

/** The file of persisted documents is not usable; the message names every id that is wrong, and what is wrong. */
export class PersistedDocumentsError extends Error {
  override readonly name = 'PersistedDocumentsError';
  constructor(file: string, problems: readonly string[]) {
    const lines = problems.map((problem) => `  - ${problem}`).join('\n');
    super(`SLIPWAY_DOCUMENTS: the file ${file} has ${problems.length} problem(s):\n${lines}`);
  }
}

const Documents = z.record(z.string(), z.string());

/**
 * Reads a file `{ "<SHA-256>": "<document>" }`, as the compilers of Relay and GraphQL Code Generator write it.
 *
 * @param rules besides GraphQL's own
 * @throws PersistedDocumentsError it cannot be read, or a document does not have its id or could not be executed
 */
export async function readPersistedDocuments(
  file: string,
  schema: GraphQLSchema,
  rules: readonly ValidationRule[],
): Promise<PersistedDocuments> {
  const entries = Object.entries(await readDocuments(file));
  const problems = entries.flatMap(([id, text]) =>
    problemsOf(id, text, schema, rules).map((problem) => `${excerpt(id)}: ${problem}`),
  );
  if (problems.length > 0) throw new PersistedDocumentsError(file, problems);
  const documents = new Map(entries.map(([id, text]) => [plainId(id), text]));
  const texts = new Set(documents.values());
  return { textOf: (id) => documents.get(plainId(id)), has: (text) => texts.has(text) };
}

async function readDocuments(file: string): Promise<Record<string, string>> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PersistedDocumentsError(file, [`it cannot be read: ${reason}`]);
  }
  const documents = Documents.safeParse(content);
  if (documents.success) return documents.data;
  const form = '{ "<SHA-256 of the document>": "<document>" }';
  throw new PersistedDocumentsError(
    file,
    documents.error.issues.map(({ path, message }) => `${path.join('.') || form}: ${message}`),
  );
}

function problemsOf(
  id: string,
  text: string,
  schema: GraphQLSchema,
  rules: readonly ValidationRule[],
): string[] {
  const hash = createHash('sha256').update(text).digest('hex');
  const wrongId = plainId(id) === hash ? [] : [`the SHA-256 of its document is ${hash}`];
  try {
    const errors = validate(schema, parse(text, parseOptions), [...specifiedRules, ...rules]);
    return [...wrongId, ...errors.map(({ message }) => message)];
  } catch (error) {
    return [...wrongId, error instanceof Error ? error.message : String(error)];
  }
}

const plainId = (id: string) => id.replace(/^sha256:/, '').toLowerCase();
