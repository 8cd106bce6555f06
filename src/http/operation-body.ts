import type { OperationGuard } from '../graphql/operation-guard.ts';
import { parseJson, readBody, refuseOtherTypes } from './body.ts';
import { type Exchange, HttpError } from './exchange.ts';
import { RequestMemory } from './held-memory.ts';
import { countValues } from './json-values.rules.ts';

// Two of the largest bodies at once for each viewer, and eight in all.
const MEMORY_OF_VIEWER = 64 * 1024 * 1024;
const MEMORY_IN_ALL = 256 * 1024 * 1024;
// What a query and its variables take; ten thousand of them hold 160 MiB.
const SMALL_BYTES = 16 * 1024;

// Parsing as many takes 60 ms where each has a name of its own, and 3 in a list. The lists that the API takes are of hundreds;
// whatever is long is a text.
const MAX_VALUES = 100_000;
// So a body of 32 MiB, which takes 150 ms, costs 4,088, and the most values 5,000: a viewer who sends nothing else keeps the process
// busy for a third of the time.
const FREE_BYTES = 64 * 1024;
const BYTES_FOR_ONE = 8192;
const VALUES_FOR_ONE = 20;

export interface OperationBodyParts<Session> {
  readonly guard: OperationGuard<Session>;
  readonly viewerOf: (session: Session) => string;
  readonly maxBodyBytes: number;
}

/**
 * Reads the JSON body of a request that `sender` has sent.
 *
 * @throws HttpError 415 it is not JSON in UTF-8, or compressed; 413 too large, or of too many values; 400 not JSON or cut short
 * @throws RateLimitedError the viewer's bodies under way are too large together; UnavailableError everybody's are
 * @throws GraphQLError RATE_LIMITED: what reading it costs is more than what is left to the viewer
 */
export type ReadOperationBody<Session> = (exchange: Exchange<Session>, sender: Session) => Promise<unknown>;

/** What it reads is held in memory, and counted, until the exchange is over. */
export function createReadOperationBody<Session>(
  parts: OperationBodyParts<Session>,
): ReadOperationBody<Session> {
  const { guard, viewerOf, maxBodyBytes } = parts;
  const memory = new RequestMemory({
    ofViewer: Math.max(MEMORY_OF_VIEWER, maxBodyBytes),
    inAll: Math.max(MEMORY_IN_ALL, maxBodyBytes),
    small: SMALL_BYTES,
  });
  return async ({ req, held }, sender) => {
    refuseOtherTypes(req);
    const bytes = await readBody(req, maxBodyBytes, held.use(memory.for(viewerOf(sender))));
    // Anew: a thousand requests may have sent their heads before any of them had cost something.
    guard.assertMayAsk(sender);
    const values = countValues(bytes, MAX_VALUES);
    const cost = costOf(bytes.length, values);
    if (cost > 0) guard.charge(sender, cost);
    if (values > MAX_VALUES) throw tooManyValues();
    return parseJson(bytes);
  };
}

/** What reading the dearest body of at most `bytes` costs; a viewer must be able to pay it, and the operation in it, at once. */
export const maxBodyCost = (bytes: number): number => costOf(bytes, Math.min(bytes, MAX_VALUES));

const costOf = (bytes: number, values: number): number =>
  Math.floor(Math.max(0, bytes - FREE_BYTES) / BYTES_FOR_ONE) + Math.floor(values / VALUES_FOR_ONE);

function tooManyValues(): HttpError {
  const message = `The body has more than ${MAX_VALUES} values; send less at once, long lists in several requests.`;
  return new HttpError(413, 'PAYLOAD_TOO_LARGE', message);
}
