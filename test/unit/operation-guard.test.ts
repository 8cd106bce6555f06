import { buildSchema, getOperationAST, parse } from 'graphql';
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
  type Things { nodes: [Thing!]! }
  type Thing { name: String things(first: Int): Things! }
`);

const THOUSAND = '{ things(first: 9) { nodes { things(first: 100) { nodes { name } } } } }'; // 1 + 9 × 102

function guardOf(limits: { maxCost?: number; costPerMinute?: number | null; maxRunning?: number } = {}) {
  const guard = createOperationGuard<Somebody>({
    schema,
    limits: { maxCost: 1000, costPerMinute: null, maxRunning: 100, ...limits },
    viewerOf: ({ name }) => name,
    assertMayWrite: ({ isReader }) => {
      if (isReader) throw new ForbiddenError('Only for reading.');
    },
  });
  const admit = async (session: Somebody, text: string, variables?: Record<string, unknown>) => {
    const document = parse(text);
    const operation = getOperationAST(document);
    if (!operation) throw new Error('one operation, please');
    return await guard.admit({ session, document, operation, variables });
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
    const { admit } = guardOf({ maxCost: 918 });
    await expect(admit(ADA, THOUSAND)).rejects.toMatchObject({
      extensions: { code: 'QUERY_TOO_COSTLY', details: { cost: 919, limit: 918 } },
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

describe('what a viewer spends', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
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
    await expect(guard.assertMayAsk(ADA)).rejects.toMatchObject(limited({ retryAfter: 7, limit: 2000 }));
    await admit(BOB, THOUSAND);
    vi.advanceTimersByTime(6500);
    await guard.assertMayAsk(ADA);
    await admit(ADA, THOUSAND);
  });

  it('has the least waiting time of a second', async () => {
    const { admit } = guardOf({ costPerMinute: 6000 });
    await admit(ADA, THOUSAND);
    vi.advanceTimersByTime(9999);
    await expect(admit(ADA, THOUSAND)).rejects.toMatchObject(limited({ retryAfter: 1, limit: 1000 }));
  });

  it('leaves room for the dearest operation, however little a minute gives', async () => {
    const { admit } = guardOf({ costPerMinute: 500 });
    await admit(ADA, THOUSAND);
    await expect(admit(ADA, THOUSAND)).rejects.toMatchObject(limited({ retryAfter: 120, limit: 1000 }));
    vi.advanceTimersByTime(120_000);
    await admit(ADA, THOUSAND);
  });

  it('counts what was refused, and long documents for their length', async () => {
    const { guard, admit } = guardOf({ costPerMinute: 12_000, maxCost: 918 });
    await expect(admit(ADA, THOUSAND)).rejects.toMatchObject({ extensions: { code: 'QUERY_TOO_COSTLY' } });
    await guard.countRefused(ADA);
    await guard.countRefused(ADA);
    await admit(ADA, `{ __typename } #${' '.repeat(7900)}`);
    await expect(guard.countRefused(ADA)).rejects.toMatchObject(limited({ retryAfter: 10, limit: 2000 }));
  });

  it('is not counted where there is no limit', async () => {
    const { guard, admit } = guardOf();
    for (let n = 0; n < 1000; n += 1)
      await admit(ADA, '{ thing { name } }').then((run) => run[Symbol.dispose]());
    await guard.assertMayAsk(ADA);
  });
});

describe('what a viewer has running', () => {
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
