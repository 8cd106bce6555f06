import { buildSchema, type GraphQLSchema, graphql } from 'graphql';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AskedMutation, Outcome } from '../../src/audit/audit.service.ts';
import { auditMutations } from '../../src/graphql/audited-mutations.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { ForbiddenError, NotFoundError, UnavailableError } from '../../src/shared/errors.ts';
import { toGlobalId } from '../../src/shared/global-id.ts';
import { sessionOf } from '../support/sessions.ts';

const idOf = (number: number, type: 'Image' | 'Workspace' | 'AccessToken' | 'User' = 'Image') =>
  toGlobalId(type, uuid(number));
const uuid = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

/** What happened, in order. */
let story: unknown[];
let asked: Pick<AskedMutation, 'action' | 'inputIds' | 'grants'>[];
let outcomes: Outcome[];
let isAway: boolean;

const audit = {
  begin: async ({ action, inputIds, grants }: AskedMutation) => {
    if (isAway) throw new UnavailableError('not written');
    story.push('written');
    asked.push({ action, inputIds, grants });
    return { id: 'event', at: new Date() };
  },
  finish: async (event: unknown, outcome: Outcome) => {
    expect(event).toMatchObject({ id: 'event' });
    story.push('result written');
    outcomes.push(outcome);
  },
};

beforeEach(() => {
  story = [];
  asked = [];
  outcomes = [];
  isAway = false;
});

const schema: GraphQLSchema = buildSchema(`
  type Query { nothing: Int }
  input Leaf { id: ID, name: String }
  input Input { id: ID!, text: String, more: [ID!], leaves: [Leaf!], validateOnly: Boolean }
  type Image { id: ID!, parent: Image }
  type AccessToken { id: ID! }
  type UserError { code: String! }
  type Part { image: Image }
  type Payload { image: Image, images: [Image!], tokens: [AccessToken!]!, part: Part, token: String, userErrors: [UserError!]! }
  type Mutation { change(input: Input!, id: ID): Payload, other: Payload }
`);
auditMutations(schema);

async function run(source: string, resolve: () => unknown, input: Record<string, unknown> = { id: idOf(1) }) {
  const rootValue = {
    change: () => {
      story.push('run');
      return resolve();
    },
    other: resolve,
  };
  const contextValue = { audit, session: sessionOf(), request: {} };
  return await graphql({ schema, source, rootValue, contextValue, variableValues: { input } });
}
const CHANGE = 'mutation ($input: Input!) { renamed: change(input: $input) { userErrors { code } } }';
const DONE = { userErrors: [], tokens: [] };

describe('a mutation', () => {
  it('is every mutation of the API', () => {
    const fields = Object.values(createSchema().getMutationType()?.getFields() ?? {});
    expect(fields.length).toBeGreaterThan(15);
    const wrapped = schema.getMutationType()?.getFields()['change']?.resolve?.toString();
    expect(fields.filter(({ resolve }) => resolve?.toString() !== wrapped)).toEqual([]);
  });

  it('is written down before it runs, under its own name, and its result after', async () => {
    await run(CHANGE, () => DONE);
    expect(story).toEqual(['written', 'run', 'result written']);
    expect(asked).toEqual([{ action: 'change', inputIds: [idOf(1)], grants: null }]);
  });

  it('is not run where it cannot be written down', async () => {
    isAway = true;
    const { errors } = await run(CHANGE, () => DONE);
    expect(errors?.map(({ message }) => message)).toEqual(['not written']);
    expect(story).toEqual([]);
  });

  it('is not written down where its input is not of its type', async () => {
    const { errors } = await run(CHANGE, () => DONE, { id: { no: 'id' } });
    expect(errors).toHaveLength(1);
    expect(story).toEqual([]);
  });
});

describe('the ids of an input', () => {
  it('are those of all arguments, in lists and in inputs of inputs, each once, and nothing else', async () => {
    const source = `mutation ($input: Input!) { change(id: "${idOf(9)}", input: $input) { token } }`;
    await run(source, () => DONE, {
      id: idOf(1, 'Workspace'),
      text: idOf(2),
      more: [idOf(3), 'secret', idOf(3), '0'],
      leaves: [{ id: idOf(4) }, { name: 'secret' }, { id: null }],
    });
    expect(new Set(asked[0]?.inputIds)).toEqual(new Set([idOf(1, 'Workspace'), idOf(3), idOf(4), idOf(9)]));
    expect(asked[0]?.inputIds).toHaveLength(4);
  });

  it('are as we print them, however they were written', async () => {
    const padded = Buffer.from(`Image:${uuid(1)}`).toString('base64');
    await run(CHANGE, () => DONE, { id: padded, more: [`${' '.repeat(100_000)}${padded}\0`] });
    expect(asked[0]?.inputIds).toEqual([idOf(1)]);
  });

  it('are 100 at most, and what is left out is counted', async () => {
    await run(CHANGE, () => DONE, { id: idOf(0), more: Array.from({ length: 5000 }, (_, i) => idOf(i)) });
    const inputIds = Array.from({ length: 100 }, (_, i) => idOf(i));
    expect(asked).toEqual([{ action: 'change', inputIds, grants: { omittedIds: 4900 } }]);
  });
});

describe('what came of it', () => {
  it('is DONE with the ids of the rows that the payload holds, itself and in its parts', async () => {
    await run(CHANGE, () => ({
      ...DONE,
      image: { id: uuid(1), parent: { id: uuid(2) } },
      images: [{ id: uuid(1) }, { id: uuid(3) }],
      tokens: [{ id: uuid(4), userId: uuid(6) }],
      part: { image: { id: uuid(5) } },
      token: 'secret',
    }));
    const objectIds = [idOf(1), idOf(3), idOf(4, 'AccessToken'), idOf(6, 'User'), idOf(5)];
    expect(outcomes).toEqual([{ result: 'DONE', codes: [], objectIds, facts: null }]);
  });

  it('is DONE with 100 ids at most, and what is left out is counted', async () => {
    const images = Array.from({ length: 5000 }, (_, i) => ({ id: uuid(i) }));
    await run(CHANGE, () => ({ ...DONE, images }));
    expect(outcomes[0]?.objectIds).toHaveLength(100);
    expect(outcomes[0]?.facts).toEqual({ omittedIds: 4900 });
  });

  it('is DONE with what the service tells, where the payload does not show it', async () => {
    const told = { objectIds: [idOf(7)], facts: { updated: 1 } };
    await run(CHANGE, () => ({ ...DONE, image: { id: uuid(1) }, audited: told }));
    expect(outcomes).toEqual([{ result: 'DONE', codes: [], ...told }]);
  });

  it('is DONE without ids for a payload that holds nothing', async () => {
    for (const payload of [null, {}, { userErrors: [], image: null, images: null }]) {
      await run('mutation { other { token } }', () => payload);
      expect(outcomes.pop()).toEqual({ result: 'DONE', codes: [], objectIds: [], facts: null });
    }
  });

  it('is CHECKED, and of no object, where that is all it was asked for', async () => {
    const validateOnly = { id: idOf(1), validateOnly: true };
    await run(CHANGE, () => ({ ...DONE, image: { id: uuid(1) } }), validateOnly);
    expect(outcomes).toEqual([{ result: 'CHECKED', codes: [], objectIds: [], facts: null }]);
  });

  it('is REFUSED with each code once', async () => {
    const userErrors = ['REQUIRED', 'TOO_LONG', 'REQUIRED'].map((code) => ({ code }));
    await run(CHANGE, () => ({ ...DONE, userErrors, image: { id: uuid(1) } }), {
      id: idOf(1),
      validateOnly: true,
    });
    expect(outcomes).toEqual([
      { result: 'REFUSED', codes: ['REQUIRED', 'TOO_LONG'], objectIds: [], facts: null },
    ]);
  });

  it('is REFUSED for an import of which no row was left, and DONE for another', async () => {
    const none = { created: 0, updated: 0, unchanged: 0, rowErrors: [{ code: 'REQUIRED' }] };
    await run(CHANGE, () => ({ ...DONE, ...none }));
    expect(outcomes.pop()).toEqual({ result: 'REFUSED', codes: ['REQUIRED'], objectIds: [], facts: null });
    for (const counts of [
      { ...none, unchanged: 1 },
      { ...none, rowErrors: [] },
    ]) {
      await run(CHANGE, () => ({ ...DONE, ...counts }));
      expect(outcomes.pop()).toEqual({ result: 'DONE', codes: [], objectIds: [], facts: null });
    }
  });

  it.each([
    [new ForbiddenError(), 'FORBIDDEN', 'FORBIDDEN'],
    [new NotFoundError(), 'FAILED', 'NOT_FOUND'],
    [new UnavailableError(), 'FAILED', 'UNAVAILABLE'],
    [Object.assign(new Error('gone'), { code: 'ECONNRESET' }), 'FAILED', 'UNAVAILABLE'],
    [Object.assign(new Error('U+0000'), { code: '22021' }), 'FAILED', 'BAD_USER_INPUT'],
    [new TypeError('a fault of ours'), 'FAILED', 'INTERNAL_SERVER_ERROR'],
  ])('%s is %s with the code %s, and the error goes on', async (error, result, code) => {
    const { errors } = await run(CHANGE, () => {
      throw error;
    });
    expect(errors?.[0]?.originalError).toBe(error);
    expect(outcomes).toEqual([{ result, codes: [code], objectIds: [], facts: null }]);
  });
});
