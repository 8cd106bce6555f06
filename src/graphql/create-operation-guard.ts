import { type DocumentNode, GraphQLError, type GraphQLSchema, OperationTypeNode } from 'graphql';
import { createCostOf } from './operation-cost.ts';
import type { AskedOperation, OperationGuard } from './operation-guard.ts';
import { Running } from './running.ts';
import { createSpending } from './spending.ts';
import { assertShallow } from './variables.rules.ts';

export interface OperationGuardParts<Session> {
  readonly schema: GraphQLSchema;
  readonly limits: {
    /** What one operation may cost. */
    readonly maxCost: number;
    /** What the operations of one viewer may cost in a minute; `null`: any number. */
    readonly costPerMinute: number | null;
    /** How many operations of one viewer may run at once. */
    readonly maxRunning: number;
  };
  /** Who pays: something that is the same in all sessions of a viewer. */
  readonly viewerOf: (session: Session) => string;
  /** Throws where the session is not for changing anything. */
  readonly assertMayWrite: (session: Session) => void;
}

// Reading takes 1 ms for what GraphiQL might send and 30 for the worst there is: a viewer who sends nothing else keeps the
// process busy for 0.6 s of each second.
const REFUSED_COST = 500;
const CHARACTERS_FOR_ONE = 16;
// Every operation is some work, also one that asks for `__typename` alone.
const LEAST_COST = 1;

/** The guard that both edges ask. What it counts, it counts in memory: each process for itself. */
export function createOperationGuard<Session>(parts: OperationGuardParts<Session>): OperationGuard<Session> {
  const { viewerOf, assertMayWrite } = parts;
  const { maxCost, costPerMinute, maxRunning } = parts.limits;
  const costOf = createCostOf(parts.schema);
  const spending = createSpending(costPerMinute, Math.max(maxCost, REFUSED_COST));
  const running = new Running(maxRunning);
  const read = new WeakSet<DocumentNode>();

  /** Edges keep documents, so one that was here before has not been read again. */
  function readingCost(document: DocumentNode): number {
    if (read.has(document)) return 0;
    read.add(document);
    return Math.ceil((document.loc?.end ?? 0) / CHARACTERS_FOR_ONE);
  }

  function checkedCost({ session, document, operation, variables }: AskedOperation<Session>): number {
    assertShallow(variables);
    if (operation.operation === OperationTypeNode.MUTATION) assertMayWrite(session);
    const cost = costOf(document, operation, variables ?? {});
    if (cost > maxCost) throw tooCostly(cost, maxCost);
    return cost;
  }

  const countRefused = (session: Session) => spending.spend(viewerOf(session), REFUSED_COST);
  return {
    assertMayAsk: (session) => spending.assertSomeLeft(viewerOf(session)),
    countRefused,
    charge: (session, cost) => spending.spend(viewerOf(session), cost),
    async admit(asked) {
      const viewer = viewerOf(asked.session);
      let cost: number;
      try {
        cost = checkedCost(asked);
      } catch (error) {
        await countRefused(asked.session);
        throw error;
      }
      await spending.spend(viewer, Math.max(cost, readingCost(asked.document), LEAST_COST));
      const run = running.start(viewer);
      return { cost: { requested: cost, limit: maxCost }, [Symbol.dispose]: () => run[Symbol.dispose]() };
    },
  };
}

function tooCostly(cost: number, limit: number): GraphQLError {
  const message = `The operation may cost ${cost}, and at most ${limit} is allowed: ask for smaller pages, or nest fewer lists.`;
  return new GraphQLError(message, { extensions: { code: 'QUERY_TOO_COSTLY', details: { cost, limit } } });
}
