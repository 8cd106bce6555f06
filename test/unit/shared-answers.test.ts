import { buildSchema, type GraphQLFieldResolver, getOperationAST, parse } from 'graphql';
import { describe, expect, it, vi } from 'vitest';
import { createExecutePlanned, type PlannedArgs } from '../../src/graphql/execute-planned.ts';
import { SharedAnswers } from '../../src/graphql/shared-answers.ts';

interface Context {
  readonly viewer: string;
}

const schema = buildSchema(`
  type Query { none: Int }
  type Subscription { said(after: Int): Line! }
  type Line { number: Int text(upper: Boolean): String reader: String hidden: String faulty: String }
`);

const text = vi.fn(({ words }: { words: string }, { upper }: { upper?: boolean }) =>
  upper ? words.toUpperCase() : words,
);
const resolvers: Record<string, GraphQLFieldResolver<never, Context>> = {
  text: text as GraphQLFieldResolver<never, Context>,
  reader: (_line, _args, { viewer }) => viewer,
  // Its own fault stays its own.
  hidden: (_line, _args, context) => {
    try {
      return context.viewer;
    } catch {
      return 'nobody';
    }
  },
  faulty: () => {
    throw new Error('it cannot be told');
  },
};
for (const [name, resolve] of Object.entries(resolvers)) {
  const type = schema.getType('Line');
  if (type && 'getFields' in type) Object.assign(type.getFields()[name] ?? {}, { resolve });
}

const LINE = { said: { number: 1, words: 'one' } };

function asking(query: string) {
  const answers = new SharedAnswers(createExecutePlanned(schema));
  const document = parse(query);
  const operation = getOperationAST(document);
  if (!operation) throw new Error('no operation');
  return (event: unknown, variableValues: PlannedArgs['variableValues'] = {}) =>
    answers.of({ document, operation, variableValues, contextValue: { viewer: 'ada' } })(event);
}

const payload = (data: object) => `${JSON.stringify({ data })}}`;
const textOf = async (answer: ReturnType<ReturnType<typeof asking>>) => (await answer)?.payload.toString();

describe('an answer to an event', () => {
  it('is made once for all who ask the same, at once or later', async () => {
    text.mockImplementation(({ words }) => words);
    const ask = asking('subscription { said { number text } }');
    const all = await Promise.all([ask(LINE), ask(LINE), ask(LINE)]);
    all.push(await ask(LINE));
    expect(new Set(all).size).toBe(1);
    expect(all[0]?.payload.toString()).toBe(payload({ said: { number: 1, text: 'one' } }));
    expect(text).toHaveBeenCalledOnce();
  });

  it('is made anew for another event, also an equal one', async () => {
    const ask = asking('subscription { said { number } }');
    expect(await ask({ said: { number: 1 } })).not.toBe(await ask({ said: { number: 1 } }));
  });

  it('is shared whatever says which events come, but not where the selection depends on a variable', async () => {
    text.mockImplementation(({ words }, { upper }) => (upper ? words.toUpperCase() : words));
    const ask = asking(
      `subscription ($after: Int, $upper: Boolean, $no: Boolean! = false) {
        said(after: $after) { text(upper: $upper) ...Number } } fragment Number on Line { number @include(if: $no) }`,
    );
    expect(await ask(LINE, { after: 1 })).toBe(await ask(LINE, { after: 2 }));
    expect(await textOf(ask(LINE, { upper: true }))).toBe(payload({ said: { text: 'ONE' } }));
    expect(await textOf(ask(LINE, { upper: false }))).toBe(payload({ said: { text: 'one' } }));
    expect(await textOf(ask(LINE, { no: true }))).toBe(payload({ said: { text: 'one', number: 1 } }));
  });

  it('is each viewer’s own where a resolver has looked at who asks, also one that hides it', async () => {
    expect(await asking('subscription { said { number reader } }')(LINE)).toBeNull();
    expect(await asking('subscription { said { number hidden } }')(LINE)).toBeNull();
  });

  it('is each viewer’s own where it has an error, and where the event is no object', async () => {
    expect(await asking('subscription { said { number faulty } }')(LINE)).toBeNull();
    expect(await asking('subscription { said { number } }')(1)).toBeNull();
  });
});
