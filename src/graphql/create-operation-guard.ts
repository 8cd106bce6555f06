import {
  type DocumentNode,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  OperationTypeNode,
} from 'graphql';
import { answerTooLarge, MAX_WEIGHT, weightOf } from './answer-weight.ts';
import { createCostOf, createEventCostOf } from './operation-cost.ts';
import type { AdmittedOperation, AskedOperation, OperationCost, OperationGuard } from './operation-guard.ts';
import { Running } from './running.ts';
import { createSpending, type Spending } from './spending.ts';
import { assertShallow } from './variables.rules.ts';

export interface OperationGuardParts<Session> {
  readonly schema: GraphQLSchema;
  readonly limits: {
    /** What one operation may cost. */
    readonly maxCost: number;
    /** What reading the body that an operation comes in may cost, beside the operation. */
    readonly maxBodyCost: number;
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

// Reading takes 1 ms for what GraphiQL might send and 10 to 50 for the worst there is: a viewer who sends nothing else, 50 in ten
// seconds, keeps the process busy for a quarter of the time.
const REFUSED_COST = 2000;
// Of a document that was read and found good, it is known how long it is.
const REFUSED_OPERATION_COST = 500;
const CHARACTERS_FOR_ONE = 16;
// Every operation is some work, also one that asks for `__typename` alone: 0.3 ms over HTTP.
const LEAST_COST = 10;
// What a subscription selects is looked up for every event.
const MAX_SUBSCRIPTION_COST = 1000;
// A viewer's answers may so weigh 80 MB a second.
const WEIGHT_FOR_ONE = 8192;
// Events go out as fast as their reader takes them, and no faster. A log of 200 MB in lines of 80 characters weighs 900 MB and costs
// 3,500: nearly thirty may be caught up with within ten seconds.
const EVENT_WEIGHT_FOR_ONE = 32 * WEIGHT_FOR_ONE;

/** The guard that both edges ask. What it counts, it counts in memory: each process for itself. */
export function createOperationGuard<Session>(parts: OperationGuardParts<Session>): OperationGuard<Session> {
  const { viewerOf, assertMayWrite } = parts;
  const { maxCost, maxBodyCost, costPerMinute, maxRunning } = parts.limits;
  const costOf = createCostOf(parts.schema);
  const eventCostOf = createEventCostOf(parts.schema);
  const spending = createSpending(costPerMinute, maxBodyCost + Math.max(maxCost, REFUSED_COST));
  const running = new Running(maxRunning);
  const read = new WeakSet<DocumentNode>();

  /** Edges keep documents, so one that was here before has not been read again. */
  function readingCost(document: DocumentNode): number {
    if (read.has(document)) return 0;
    read.add(document);
    return Math.ceil((document.loc?.end ?? 0) / CHARACTERS_FOR_ONE);
  }

  function checkedCost({ session, document, operation, variables }: AskedOperation<Session>) {
    assertShallow(variables);
    if (operation.operation === OperationTypeNode.MUTATION) assertMayWrite(session);
    const isSubscription = operation.operation === OperationTypeNode.SUBSCRIPTION;
    const limit = isSubscription ? Math.min(maxCost, MAX_SUBSCRIPTION_COST) : maxCost;
    const requested = costOf(document, operation, variables ?? {});
    if (requested > limit) throw tooCostly(requested, limit);
    return { requested, limit };
  }

  const countRefused = (session: Session) => spending.spend(viewerOf(session), REFUSED_COST);
  return {
    assertMayAsk: (session) => spending.assertSomeLeft(viewerOf(session)),
    countRefused,
    charge: (session, cost) => spending.spend(viewerOf(session), cost),
    hold: (session) => running.start(viewerOf(session)),
    admit(asked) {
      const viewer = viewerOf(asked.session);
      let cost: OperationCost;
      try {
        cost = checkedCost(asked);
      } catch (error) {
        spending.spend(viewer, Math.max(REFUSED_OPERATION_COST, readingCost(asked.document)));
        throw error;
      }
      const paid = Math.max(cost.requested, readingCost(asked.document), LEAST_COST);
      spending.spend(viewer, paid);
      const { document, operation, variables } = asked;
      const kind = operation.operation;
      const isSubscription = kind === OperationTypeNode.SUBSCRIPTION;
      const eventCost = isSubscription ? eventCostOf(document, operation, variables ?? {}) : 0;
      const run = running.start(viewer);
      return new Admitted({ viewer, kind, cost, paid, eventCost, spending, run });
    },
  };
}

interface AdmittedParts {
  readonly viewer: string;
  readonly kind: OperationTypeNode;
  readonly cost: OperationCost;
  /** For all of it but for what its answers weigh above that. */
  readonly paid: number;
  readonly eventCost: number;
  readonly spending: Spending;
  readonly run: Disposable;
}

/** What is paid while an operation runs, beside what was paid for it as a whole. */
class Admitted implements AdmittedOperation {
  readonly cost: OperationCost;
  readonly #parts: AdmittedParts;
  /** Most events cost a hundredth of a point. */
  #owed = 0;

  constructor(parts: AdmittedParts) {
    this.cost = parts.cost;
    this.#parts = parts;
  }

  chargeEvent(): void {
    const { viewer, eventCost, spending } = this.#parts;
    this.#owed += eventCost;
    const whole = Math.floor(this.#owed);
    this.#owed -= whole;
    if (whole > 0) spending.spend(viewer, whole);
  }

  weigh(answer: Pick<ExecutionResult, 'data' | 'errors'>): GraphQLError | null {
    return this.takeWeight(weightOf(answer));
  }

  takeWeight(weight: number): GraphQLError | null {
    const { viewer, kind, paid, spending } = this.#parts;
    const cost = weight / WEIGHT_FOR_ONE;
    if (kind === OperationTypeNode.SUBSCRIPTION) this.#owed += weight / EVENT_WEIGHT_FOR_ONE;
    // The answer is there: who has not that much left is refused the next time.
    else if (cost > paid + 1) spending.owe(viewer, Math.floor(cost - paid));
    return weight > MAX_WEIGHT ? answerTooLarge(kind === OperationTypeNode.MUTATION) : null;
  }

  [Symbol.dispose](): void {
    this.#parts.run[Symbol.dispose]();
  }
}

function tooCostly(cost: number, limit: number): GraphQLError {
  const message = `The operation may cost ${cost}, and at most ${limit} is allowed: ask for smaller pages, or nest fewer lists.`;
  return new GraphQLError(message, { extensions: { code: 'QUERY_TOO_COSTLY', details: { cost, limit } } });
}
