import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inParallel } from '../../src/shared/in-parallel.ts';
import { answerProblem } from '../support/fuzz-answers.ts';
import { randomOperation } from '../support/fuzz-operations.ts';
import { Random } from '../support/fuzz-random.ts';
import { damagedPost, type FuzzRequest, postOf, routeRequest } from '../support/fuzz-requests.ts';
import { FuzzSocket } from '../support/fuzz-socket.ts';
import { type FuzzStage, openFuzzStage } from '../support/fuzz-stage.ts';
import type { FuzzMaterial } from '../support/fuzz-values.ts';

/**
 * 10,000 random inputs. Input n of a kind is made of the seed plus n alone, so FUZZ_SEED=<what a failure says> FUZZ_COUNT=1 makes
 * it again; FUZZ_SEED and FUZZ_COUNT are also how to look further than the suite does.
 */
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_260_000);
const count = (usual: number) => Number(process.env['FUZZ_COUNT'] ?? usual);
const AT_ONCE = 8;
const MINUTE = 60_000;

let stage: FuzzStage;
beforeAll(async () => {
  stage = await openFuzzStage();
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

const materialOf = (seed: number): FuzzMaterial => ({
  random: new Random(seed),
  ids: stage.ids,
  words: stage.words,
});
const schema = () => stage.slipway.app.schema;

/** Sends so many, and gives every one whose answer is not as it should be, with all that it takes to make it again. */
async function badAnswers(
  total: number,
  tried: (material: FuzzMaterial) => Promise<{ sent: string; problem: string | null; answer: string }>,
): Promise<string[]> {
  const found: string[] = [];
  const seeds = Array.from({ length: total }, (_, index) => SEED + index);
  await inParallel(seeds, AT_ONCE, async (seed) => {
    const { sent, problem, answer } = await tried(materialOf(seed));
    if (problem !== null)
      found.push(`FUZZ_SEED=${seed}: the answer ${problem}\n${sent}\n${answer.slice(0, 2000)}`);
  });
  return found;
}

async function overHttp(material: FuzzMaterial, request: FuzzRequest) {
  const { method, path, headers, body } = request;
  const sent = `${method} ${path} ${JSON.stringify(headers)} ${body?.toString() ?? ''}`;
  const answer = await stage.send(request, material.random.of(stage.tokens));
  return { sent, problem: answerProblem(answer, sent), answer: `${answer.status} ${answer.text}` };
}

describe('random inputs are answered with coded errors, and with nothing of the inside', () => {
  it.each([
    ['queries', 'query', 4000],
    ['mutations', 'mutation', 2500],
  ] as const)(
    '%s of random fields and arguments',
    async (_, kind, total) => {
      const bad = await badAnswers(count(total), (material) =>
        overHttp(material, postOf(randomOperation(schema(), kind, material))),
      );
      expect(bad).toEqual([]);
    },
    MINUTE,
  );

  it(
    'requests with damaged bodies and headers',
    async () => {
      const bad = await badAnswers(count(1200), (material) =>
        overHttp(material, damagedPost(material.random, randomOperation(schema(), 'query', material))),
      );
      expect(bad).toEqual([]);
    },
    MINUTE,
  );

  it(
    'other methods, paths and parameters',
    async () => {
      const bad = await badAnswers(count(1300), (material) =>
        overHttp(material, routeRequest(material, randomOperation(schema(), 'query', material))),
      );
      expect(bad).toEqual([]);
    },
    MINUTE,
  );

  it(
    'operations over a socket, subscriptions among them',
    async () => {
      await using socket = await FuzzSocket.open(stage.slipway.url, stage.slipway.admin.token);
      const bad = await badAnswers(count(1000), async (material) => {
        const kind = material.random.of(['subscription', 'subscription', 'query', 'mutation'] as const);
        const operation = randomOperation(schema(), kind, material);
        const sent = JSON.stringify(operation);
        const answer = await socket.firstAnswer(operation);
        return { sent, problem: answerProblem(answer, sent), answer: answer.text };
      });
      expect(bad).toEqual([]);
    },
    MINUTE,
  );
});

it('after which the server is well, and has logged no fault of its own', async () => {
  expect((await fetch(`${stage.slipway.url}/readyz`)).status).toBe(200);
  expect(await stage.slipway.admin.run('{ viewer { user { name } } }')).toEqual({
    viewer: { user: { name: 'admin' } },
  });
  expect(stage.errorLog).toEqual([]);
});
