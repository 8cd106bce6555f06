import type { ExecutionResult } from 'graphql';
import type { Operation } from './request.ts';

type Send = (operation: Operation) => Promise<ExecutionResult>;

interface Lookup {
  readonly query: string;
  readonly missing: string;
}

/** Variables that stand for what came about only while one works; each is asked for just before an operation is sent. */
const LOOKUPS: Readonly<Record<string, Lookup>> = {
  '<last build>': {
    query: '{ found: imageBuilds(first: 1) { nodes { id } } }',
    missing: 'There is no build yet: run the tab BuildFromDockerfile first.',
  },
  '<last failed build>': {
    query:
      '{ found: imageBuilds(first: 1, filter: { status: [FAILED, CANCELED, TIMED_OUT, EXPIRED] }) { nodes { id } } }',
    missing: 'No build has failed or was canceled yet.',
  },
  '<last image>': {
    query: '{ found: images(first: 1) { nodes { id } } }',
    missing: 'There is no image yet: run the tab RegisterImage first.',
  },
  '<last algorithm>': {
    query: '{ found: images(first: 1, filter: { group: "examples" }) { nodes { id } } }',
    missing: 'There is no such image yet: run the tab RegisterAlgorithm first.',
  },
  '<last deleted image>': {
    query:
      '{ found: images(first: 1, filter: { status: [DELETED] }, orderBy: { field: UPDATED_AT }) { nodes { id } } }',
    missing: 'No image is deleted: run the tab DeleteImage first.',
  },
  '<first notebook>': {
    query: '{ found: notebooks(first: 1) { nodes { id } } }',
    missing: 'No notebook is running. Start Slipway with `npm start -- --demo-notebook` to get one.',
  },
};

/**
 * Fills the placeholders in an operation's variables: ids as above, and `<time>` in any text by a short, ever new word, so that
 * names do not collide when an example runs twice.
 *
 * @throws Error there is nothing yet that the placeholder could stand for
 */
export async function fillPlaceholders(operation: Operation, send: Send): Promise<Operation> {
  if (!operation.variables) return operation;
  let text = JSON.stringify(operation.variables).replaceAll('<time>', Date.now().toString(36));
  for (const [placeholder, { query, missing }] of Object.entries(LOOKUPS)) {
    if (!text.includes(`"${placeholder}"`)) continue;
    const { data } = await send({ query });
    const found = data?.['found'] as { nodes: { id: string }[] } | undefined;
    const id = found?.nodes[0]?.id;
    if (id === undefined) throw new Error(missing);
    text = text.replaceAll(`"${placeholder}"`, JSON.stringify(id));
  }
  return { ...operation, variables: JSON.parse(text) };
}
