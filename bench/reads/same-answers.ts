import { deepStrictEqual } from 'node:assert';
import { send } from '../shared/send.ts';
import type { Contestant } from './contestants.ts';
import type { Operation, Variables } from './operations.ts';

/** How many of an operation's requests are compared. */
const COMPARED = 25;

/** A server that is up. */
export interface Runner {
  readonly contestant: Contestant;
  readonly url: string;
}

/**
 * Asks all servers the same.
 *
 * @param token of the one who asks Slipway
 * @throws Error one of them answers something else than the first one, or nothing
 */
export async function assertSameAnswers(
  runners: readonly Runner[],
  operation: Operation,
  token: string,
): Promise<void> {
  const step = Math.max(1, Math.floor(operation.variables.length / COMPARED));
  const compared = operation.variables.filter((_, index) => index % step === 0);
  const [first, ...others] = await Promise.all(
    runners.map(async (runner) => ({ runner, answers: await answersOf(runner, operation, compared, token) })),
  );
  if (first === undefined) return;
  for (const { runner, answers } of others) {
    const bothHave: boolean = runner.contestant.hasOurPaging && first.runner.contestant.hasOurPaging;
    const known: readonly unknown[] = bothHave ? first.answers : withoutPaging(first.answers);
    const names = `${runner.contestant.name} and ${first.runner.contestant.name}`;
    for (const [index, answer] of (bothHave ? answers : withoutPaging(answers)).entries()) {
      const asked = JSON.stringify(compared[index]);
      try {
        deepStrictEqual(answer, known[index]);
      } catch (difference) {
        throw new Error(`${names} answer ${operation.name} differently for ${asked}: ${difference}`);
      }
    }
  }
}

async function answersOf(
  { contestant, url }: Runner,
  operation: Operation,
  compared: readonly Variables[],
  token: string,
): Promise<unknown[]> {
  const wording = await contestant.wording(operation, url);
  const answers: unknown[] = [];
  for (const variables of compared) answers.push(contestant.read(await send(url, wording(variables), token)));
  return answers;
}

function withoutPaging(answers: readonly unknown[]): unknown[] {
  const text = JSON.stringify(answers, (key, value: unknown) =>
    key.endsWith('Cursor') || key === 'hasPreviousPage' ? undefined : value,
  );
  return JSON.parse(text) as unknown[];
}
