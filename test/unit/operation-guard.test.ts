import { buildSchema, GraphQLError, getOperationAST, parse } from 'graphql';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createOperationGuard } from '../../src/graphql/create-operation-guard.ts';
import { ForbiddenError } from '../../src/shared/errors.ts';

interface Somebody {
  readonly name: string;
  readonly isReader?: boolean;
}

const ADA: Somebody = { name: 'ada' };
const BOB: Somebody = { name: 'bob' };

const schema = buildSchema(`
  type Query { thing: Thing things(first: Int): Things! }
  type Mutation { make: Thing }
  type Subscription { made: Thing }
  type Things { nodes: [Thing!]! }
  type Thing { name: String things(first: Int): Things! }
`);

const looked = schema.getType('Thing');
if (looked && 'getFields' in looked)
  Object.assign(looked.getFields()['things'] ?? {}, { resolve: () => ({}) });

const THOUSAND = '{ things(first: 9) { nodes { things(first: 100) { nodes { name } } } } }'; // 1 + 9 × 104

function guardOf(
  limits: { maxCost?: number; maxBodyCost?: number; costPerMinute?: number | null; maxRunning?: number } = {},
) {
  const guard = createOperationGuard<Somebody>({
    schema,
    limits: { maxCost: 1000, maxBodyCost: 0, costPerMinute: null, maxRunning: 100, ...limits },
    viewerOf: ({ name }) => name,
    assertMayWrite: ({ isReader }) => {
      if (isReader) throw new ForbiddenError('Only for reading.');
    },
  });
  const admit = async (session: Somebody, text: string, variables?: Record<string, unknown>) => {
    const document = parse(text);
    const operation = getOperationAST(document);
    if (!operation) throw new Error('one operation, please');
    return guard.admit({ session, document, operation, variables });
  };
  return { guard, admit };
}

const limited = (details: object) => ({ extensions: { code: 'RATE_LIMITED', details } });

describe('an operation', () => {
  it('is let in with what it costs and may cost', async () => {
    const { admit } = guardOf();
    expect((await admit(ADA, '{ thing { name } }')).cost).toEqual({ requested: 1, limit: 1000 });
  });

  it('is refused where it costs more, with its cost', async () => {
    const { admit } = guardOf({ maxCost: 936 });
    await expect(admit(ADA, THOUSAND)).rejects.toMatchObject({
      extensions: { code: 'QUERY_TOO_COSTLY', details: { cost: 937, limit: 936 } },
    });
  });

  it('is refused where its variables nest too deep', async () => {
    const { admit } = guardOf();
    const deep = JSON.parse(`${'['.repeat(60)}${']'.repeat(60)}`) as unknown;
    await expect(admit(ADA, '{ thing { name } }', { deep })).rejects.toMatchObject({
      extensions: { code: 'BAD_USER_INPUT', details: { limit: 50 } },
    });
  });

  it('is refused where it changes something for somebody who may only read', async () => {
    const { admit } = guardOf();
    const reader = { name: 'ada', isReader: true };
    await expect(admit(reader, 'mutation { make { name } }')).rejects.toThrow(ForbiddenError);
    expect((await admit(reader, '{ thing { name } }')).cost.requested).toBe(1);
    expect((await admit(ADA, 'mutation { make { name } }')).cost.requested).toBe(11);
  });
});

describe('a subscription', () => {
  it('may cost 1,000, however much an operation may', async () => {
    const { admit } = guardOf({ maxCost: 10_000 });
    const text =
      'subscription { made { things(first: 100) { nodes { things(first: 9) { nodes { name } } } } } }';
    await expect(admit(ADA, text)).rejects.toMatchObject({
      extensions: { code: 'QUERY_TOO_COSTLY', details: { limit: 1000 } },
    });
  });
});

describe('an answer', () => {
  const refusal = { extensions: { code: 'ANSWER_TOO_LARGE', details: { limit: 64 * 1024 * 1024 } } };
  const text = 'x'.repeat(1024 * 1024);

  it('is refused where it would be too large, which is seen without writing it', async () => {
    const { admit } = guardOf();
    const admitted = await admit(ADA, '{ thing { name } }');
    const weigh = (answer: Parameters<typeof admitted.weigh>[0]) => admitted.weigh(answer);
    const texts = (count: number) => ({
      data: Object.fromEntries(Array.from({ length: count }, (_, n) => [`a${n}`, text])),
    });
    expect(weigh(texts(63))).toBeNull();
    expect(weigh(texts(64))).toMatchObject(refusal);
    expect(weigh(texts(100_000))).toMatchObject(refusal);
    expect(weigh({ data: { all: [{ ['k'.repeat(1000)]: 1 }, Array(2_000_000).fill(1)] } })).toMatchObject(
      refusal,
    );
    expect(
      weigh({ data: null, errors: Array<GraphQLError>(200_000).fill(new GraphQLError('x')) }),
    ).toMatchObject(refusal);
  });

  it('that is refused of a mutation says that it was done', async () => {
    const { admit } = guardOf();
    const admitted = await admit(ADA, 'mutation { make { name } }');
    expect(admitted.weigh({ data: { make: Array(100).fill(text) } })?.message).toContain('is changed');
  });
});

describe('what a viewer spends', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is limited in windows of ten seconds, each viewer’s for itself', async () => {
    const { guard, admit } = guardOf({ costPerMinute: 12_000 });
    await admit(ADA, THOUSAND);
    await admit(ADA, THOUSAND);
    vi.advanceTimersByTime(3500);
    await expect(admit(ADA, THOUSAND)).rejects.toMatchObject(limited({ retryAfter: 7, limit: 2000 }));
    expect(() => guard.assertMayAsk(ADA)).toThrow(
      expect.objectContaining(limited({ retryAfter: 7, limit: 2000 })),
    );
    await admit(BOB, THOUSAND);
    vi.advanceTimersByTime(6500);
    guard.assertMayAsk(ADA);
    await admit(ADA, THOUSAND);
  });

  it('is forgotten at the end of the window, also where others have begun one later', async () => {
    const { guard, admit } = guardOf({ costPerMinute: 12_000 });
    for (const viewer of [ADA, BOB]) {
      for (let n = 0; n < 2; n += 1) await admit(viewer, THOUSAND);
      vi.advanceTimersByTime(6000);
    }
    await admit(ADA, THOUSAND);
    await expect(admit(BOB, THOUSAND)).rejects.toMatchObject(limited({ retryAfter: 4, limit: 2000 }));
    vi.advanceTimersByTime(4000);
    guard.assertMayAsk(BOB);
    await admit(ADA, THOUSAND);
    await expect(admit(ADA, THOUSAND)).rejects.toMatchObject(limited({ retryAfter: 6, limit: 2000 }));
  });

  it('has the least waiting time of a second', async () => {
    const { admit } = guardOf({ costPerMinute: 12_000 });
    await admit(ADA, THOUSAND);
    await admit(ADA, THOUSAND);
    vi.advanceTimersByTime(9999);
    await expect(admit(ADA, THOUSAND)).rejects.toMatchObject(limited({ retryAfter: 1, limit: 2000 }));
  });

  it('leaves room for the dearest operation, however little a minute gives', async () => {
    const { admit } = guardOf({ costPerMinute: 1000 });
    await admit(ADA, THOUSAND);
    await admit(ADA, THOUSAND);
    await expect(admit(ADA, THOUSAND)).rejects.toMatchObject(limited({ retryAfter: 120, limit: 2000 }));
    vi.advanceTimersByTime(120_000);
    await admit(ADA, THOUSAND);
  });

  it('leaves room for the dearest body beside its operation', async () => {
    const { guard, admit } = guardOf({ costPerMinute: 12_000, maxCost: 3000, maxBodyCost: 9088 });
    guard.charge(ADA, 9088);
    for (let n = 0; n < 3; n += 1) await admit(ADA, THOUSAND);
    await expect(admit(ADA, THOUSAND)).rejects.toMatchObject(limited({ retryAfter: 61, limit: 12_088 }));
    vi.advanceTimersByTime(61_000);
    guard.charge(ADA, 9088);
  });

  it('counts what was refused, and long documents for their length', async () => {
    const { guard, admit } = guardOf({ costPerMinute: 21_000, maxCost: 936 });
    await expect(admit(ADA, THOUSAND)).rejects.toMatchObject({ extensions: { code: 'QUERY_TOO_COSTLY' } });
    guard.countRefused(ADA);
    await admit(ADA, `{ __typename } #${' '.repeat(7900)}`);
    expect(() => guard.countRefused(ADA)).toThrow(
      expect.objectContaining(limited({ retryAfter: 10, limit: 3500 })),
    );
  });

  it('is 10 for the least operation', async () => {
    const { admit } = guardOf({ costPerMinute: 12_000, maxRunning: 1000 });
    for (let n = 0; n < 200; n += 1) await admit(ADA, '{ __typename }');
    await expect(admit(ADA, '{ __typename }')).rejects.toMatchObject(
      limited({ retryAfter: 10, limit: 2000 }),
    );
  });

  it('is what answers weigh where that is more, and the next operation pays', async () => {
    const { admit } = guardOf({ costPerMinute: 12_000 });
    const heavy = await admit(ADA, '{ thing { name } }');
    expect(heavy.weigh({ data: { thing: { name: 'x'.repeat(2000 * 8192) } } })).toBeNull();
    await expect(admit(ADA, '{ __typename }')).rejects.toMatchObject(
      limited({ retryAfter: 10, limit: 2000 }),
    );
    const light = await admit(BOB, THOUSAND);
    light.weigh({ data: { thing: { name: 'x'.repeat(900 * 8192) } } });
    await admit(BOB, THOUSAND);
  });

  it('is paid for each event of a subscription before it is looked up', async () => {
    const { admit } = guardOf({ costPerMinute: 12_000 });
    const plain = await admit(ADA, 'subscription { made { name } }');
    for (let n = 0; n < 10_000; n += 1) plain.chargeEvent();
    const dear = await admit(ADA, 'subscription { made { things(first: 9) { nodes { name } } } }');
    let events = 0;
    const follow = () => {
      for (; events < 1000; events += 1) dear.chargeEvent();
    };
    expect(follow).toThrow(expect.objectContaining(limited({ retryAfter: 10, limit: 2000 })));
    expect(events).toBeGreaterThan(150);
    expect(events).toBeLessThan(200);
  });

  it('is what the events of a subscription weigh', async () => {
    const { admit } = guardOf({ costPerMinute: 12_000 });
    const made = await admit(ADA, 'subscription { made { name } }');
    const event = { data: { made: { name: 'x'.repeat(200 * 8192 * 32) } } };
    for (let n = 0; n < 9; n += 1) made.weigh(event);
    made.chargeEvent();
    for (let n = 0; n < 2; n += 1) made.weigh(event);
    expect(() => made.chargeEvent()).toThrow(
      expect.objectContaining(limited({ retryAfter: 10, limit: 2000 })),
    );
  });

  it('is not counted where there is no limit', async () => {
    const { guard, admit } = guardOf();
    for (let n = 0; n < 1000; n += 1)
      await admit(ADA, '{ thing { name } }').then((run) => run[Symbol.dispose]());
    guard.assertMayAsk(ADA);
  });
});

describe('what a viewer has running', () => {
  it('is also what holds one of its places', async () => {
    const { guard, admit } = guardOf({ maxRunning: 1 });
    const held = guard.hold(ADA);
    await expect(admit(ADA, '{ __typename }')).rejects.toMatchObject(limited({ retryAfter: 1, limit: 1 }));
    expect(() => guard.hold(ADA)).toThrow('At most 1');
    held[Symbol.dispose]();
    await admit(ADA, '{ __typename }');
  });

  it('is limited, and each end of an operation makes room for one, however often it is told', async () => {
    const { admit } = guardOf({ maxRunning: 2 });
    const first = await admit(ADA, '{ __typename }');
    await admit(ADA, '{ __typename }');
    await expect(admit(ADA, '{ __typename }')).rejects.toMatchObject(limited({ retryAfter: 1, limit: 2 }));
    await admit(BOB, '{ __typename }');
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await admit(ADA, '{ __typename }');
    await expect(admit(ADA, '{ __typename }')).rejects.toMatchObject(limited({ retryAfter: 1, limit: 2 }));
  });
});
