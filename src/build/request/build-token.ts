import { createHmac } from 'node:crypto';
import { sql } from 'kysely';
import type { Session } from '../../auth/session.ts';
import { type EntityManager, kysely } from '../../db/orm.ts';
import { toGlobalId } from '../../shared/global-id.ts';
import { InputRefused, type Problems, refuse } from '../../shared/problems.ts';

/** How long a token is remembered. */
export const TOKEN_HOURS = 24;

/** Printable ASCII without blanks: a UUID, or the id of a CI job. */
const TOKEN = /^[\x21-\x7e]{1,128}$/;

/** A request that may have been sent before. */
export interface TokenClaim {
  readonly userId: string;
  readonly token: string;
  readonly inputHash: string;
}

/** Client tokens: the same token with the same input brings the same build, however often and wherever it is sent. */
export class BuildTokens {
  constructor(
    private readonly em: EntityManager,
    /** Inputs hold secrets: their hashes take this key, so that nobody finds out a short one by trying. */
    private readonly key: Buffer,
  ) {}

  /**
   * Makes a build once for each token.
   *
   * @param input everything that makes two requests the same one, defaults filled in
   * @param make makes the build and, in its transaction, first calls {@link isMade} and at last {@link keep}; `null`: it was
   *   made already
   * @param reuse the build that there is; `null` where the viewer may not see it any more
   * @throws InputRefused IDEMPOTENCY_CONFLICT where the token came with another input
   */
  async once<T>(
    session: Session,
    token: string | null | undefined,
    input: object,
    make: (claim: TokenClaim | null) => Promise<T | null>,
    reuse: (buildId: string) => Promise<T | null>,
  ): Promise<T> {
    const claim = this.#claimOf(session, token, input);
    const again = async () => {
      const buildId = claim === null ? null : await find(this.em.fork(), claim);
      return buildId === null ? null : await reuse(buildId);
    };
    const earlier = await again();
    if (earlier !== null) return earlier;
    try {
      const made = await make(claim);
      if (made !== null) return made;
    } catch (error) {
      // The same request, sent at the same time, may be what took the name or the room.
      const sent = error instanceof InputRefused ? await again() : null;
      if (sent !== null) return sent;
      throw error;
    }
    const sent = await again();
    if (sent !== null) return sent;
    return refuse('IDEMPOTENCY_CONFLICT', ['clientToken'], 'the token brought a build that you may not see');
  }

  /** Has another request with this token made its build? Nobody else can until this transaction ends. Locks before anything else does. */
  async isMade(tx: EntityManager, claim: TokenClaim | null): Promise<boolean> {
    if (claim === null) return false;
    const name = `${claim.userId} ${claim.token}`;
    await sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(kysely(tx));
    return (await find(tx, claim)) !== null;
  }

  async keep(tx: EntityManager, claim: TokenClaim | null, buildId: string): Promise<void> {
    if (claim === null) return;
    const { userId, token, inputHash } = claim;
    const row = { inputHash, buildId, createdAt: new Date() };
    await kysely(tx)
      .insertInto('BuildToken')
      .values({ userId, token, ...row })
      // One that was forgotten, and is still there.
      .onConflict((conflict) => conflict.columns(['userId', 'token']).doUpdateSet(row))
      .execute();
  }

  #claimOf(session: Session, token: string | null | undefined, input: object): TokenClaim | null {
    if (token === null || token === undefined) return null;
    const inputHash = createHmac('sha256', this.key).update(canonical(input)).digest('hex');
    return { userId: session.user.id, token, inputHash };
  }
}

/** Checks a token; one that is wrong must not be given to {@link BuildTokens.once}. */
export function checkToken(token: string | null | undefined, problems: Problems): void {
  if (token === null || token === undefined || TOKEN.test(token)) return;
  const message = 'give 1 to 128 printable ASCII characters without blanks, e.g. a UUID';
  problems.add('PATTERN', ['clientToken'], message, { pattern: TOKEN.source });
}

/** The build that a token brought. @throws InputRefused IDEMPOTENCY_CONFLICT */
async function find(em: EntityManager, { userId, token, inputHash }: TokenClaim): Promise<string | null> {
  const row = await kysely(em)
    .selectFrom('BuildToken')
    .select(['inputHash', 'buildId'])
    .where('userId', '=', userId)
    .where('token', '=', token)
    .where('createdAt', '>', new Date(Date.now() - TOKEN_HOURS * 3_600_000))
    .executeTakeFirst();
  if (row === undefined) return null;
  if (row.inputHash === inputHash) return row.buildId;
  const message =
    'this token was used with another input in the last 24 hours; take a new token for a new build';
  return refuse('IDEMPOTENCY_CONFLICT', ['clientToken'], message, {
    buildId: toGlobalId('ImageBuild', row.buildId),
  });
}

/** One text for inputs that mean the same: keys in order, without those that are absent or null. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part === null) return undefined;
    if (typeof part !== 'object' || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
