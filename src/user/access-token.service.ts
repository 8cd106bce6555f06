import { randomUUID } from 'node:crypto';
import { type ExpressionBuilder, sql } from 'kysely';
import { generateAccessToken, hashAccessToken, shownPrefixOf } from '../auth/access-token.ts';
import { holdSession } from '../auth/held-session.ts';
import type { Credential, Session } from '../auth/session.ts';
import { ADMIN_NAME } from '../auth/user-name.rules.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import type { Tables } from '../db/tables.ts';
import type { WriteGate } from '../db/write-gate.ts';
import type { TokenScope } from '../shared/enums.ts';
import { Problems, refuse } from '../shared/problems.ts';
import { checkText } from '../shared/text.rules.ts';
import { AccessToken } from './access-token.entity.ts';
import { checkNewUserName, lockUsers, type UserService } from './user.service.ts';

const MAX_TOKEN_NAME = 128;
/** Good tokens of one user: more than anybody keeps apart, and few enough to be listed whole. */
const MAX_GOOD_TOKENS = 100;
const DAY_MS = 86_400_000;

export interface AccessTokenInput {
  readonly name: string;
  readonly userName?: string | null;
  readonly scopes?: readonly TokenScope[] | null;
  readonly expiresAt?: Date | null;
}

/** When a new token has to end at the latest, and what makes it so. */
interface LatestEnd {
  readonly at: Date;
  readonly reason: string;
}

/** A token that was revoked, and what became of those that had been made with it. */
export interface Revoked {
  readonly accessToken: AccessToken;
  readonly alsoRevoked: readonly AccessToken[];
  /** How many of them are still good. */
  readonly stillGoodCount: number;
}

/** The access tokens of users. */
export class AccessTokenService {
  /** @param oidcTokenDays how long those are good that somebody makes who has signed in by a JWT; `null`: no JWT signs in */
  constructor(
    private readonly em: EntityManager,
    private readonly users: UserService,
    private readonly writes: WriteGate,
    private readonly oidcTokenDays: number | null,
  ) {}

  /** The good tokens of those of these users whose tokens the viewer may see, newest first, by the user's id. */
  async byUsers(
    session: Session,
    userIds: readonly string[],
  ): Promise<ReadonlyMap<string, readonly AccessToken[]>> {
    const seen = userIds.filter((id) => this.users.mayReadAccount(session, id));
    if (seen.length === 0) return new Map();
    const rows = await kysely(this.em.fork())
      .selectFrom('AccessToken')
      .selectAll()
      .where('userId', 'in', seen)
      .where(isGood)
      .orderBy('createdAt', 'desc')
      .orderBy('id')
      .execute();
    return Map.groupBy(rows, ({ userId }) => userId);
  }

  /**
   * Makes an access token. Administrators may make one for anybody, and make the user with it; for the operator's user the operator
   * alone, as it would outlive an administrator's rights. A token gives no more than it has: one that ends makes none that ends
   * later. What a JWT makes ends after a while: else nobody would lose it whom the issuer signs in no more.
   *
   * @returns the token's row and, this one time, the token itself
   */
  async create(
    session: Session,
    input: AccessTokenInput,
  ): Promise<{ accessToken: AccessToken; token: string }> {
    const other = input.userName === session.user.name ? null : (input.userName ?? null);
    if (other !== null) session.assertCan('user:manage');
    const latest = this.#latestEnd(session.credential);
    const problems = new Problems();
    checkTokenName(problems, input.name);
    if (input.scopes?.length === 0) {
      problems.add('REQUIRED', ['scopes'], 'a token is for something: give READ, or READ and WRITE');
    }
    checkEnd(problems, input.expiresAt ?? null, latest);
    if (other !== null) checkNewUserName(problems, ['userName'], other);
    if ((other ?? session.user.name) === ADMIN_NAME && session.credential.kind !== 'OPERATOR_TOKEN') {
      const message = `only who signs in with the operator's token makes one for ${ADMIN_NAME}; make one for yourself, or for a service account`;
      problems.add('NOT_ALLOWED', ['userName'], message);
    }
    problems.refuseIfAny();
    const token = generateAccessToken();
    const accessToken = await this.writes.run(async (tx) => {
      const userId = other === null ? session.user.id : (await this.users.ensure(tx, other, ['userName'])).id;
      await lockUsers(tx, [session.user.id, userId]);
      const viewer = await holdSession(kysely(tx), session);
      if (other !== null) viewer.assertCan('user:manage');
      await checkRoom(tx, userId, other === null ? [] : ['userName']);
      return tx.create(AccessToken, {
        id: randomUUID(),
        userId,
        name: input.name,
        hash: hashAccessToken(token),
        prefix: shownPrefixOf(token),
        canWrite: input.scopes?.includes('WRITE') ?? true,
        madeWithId: session.credential.kind === 'ACCESS_TOKEN' ? session.credential.id : null,
        lastUsedAt: null,
        expiresAt: input.expiresAt ?? latest?.at ?? null,
        revokedAt: null,
        createdAt: new Date(),
      });
    });
    return { accessToken, token };
  }

  #latestEnd(credential: Credential): LatestEnd | null {
    if (credential.kind === 'ACCESS_TOKEN') {
      const { expiresAt: at } = credential;
      return at && { at, reason: 'the access token that you have signed in with ends then' };
    }
    if (credential.kind === 'OPERATOR_TOKEN' || this.oidcTokenDays === null) return null;
    const days = this.oidcTokenDays;
    return {
      at: new Date(Date.now() + days * DAY_MS),
      reason: `you have signed in by OpenID Connect, and OIDC_TOKEN_DAYS is ${days}`,
    };
  }

  /**
   * Ends a token at once. One's own, or anybody's for an administrator.
   *
   * @param withMade also those that were made with it, and with those: whoever had it may have made them
   */
  async revoke(session: Session, id: string | null, withMade: boolean): Promise<Revoked> {
    return await this.writes.run(async (tx) => {
      const accessToken = id === null ? null : await tx.findOne(AccessToken, { id });
      if (accessToken === null || !session.can('token:revoke', accessToken.userId)) {
        return refuse('NOT_FOUND', ['id'], 'there is no such access token');
      }
      const now = new Date();
      accessToken.revokedAt ??= now;
      await tx.flush();
      if (!withMade) {
        const { length } = await goodTokensMadeWith(tx, accessToken.id);
        return { accessToken, alsoRevoked: [], stillGoodCount: length };
      }
      // Again and again: to revoke one waits for those that are just being made with it, see holdSession.
      const alsoRevoked: AccessToken[] = [];
      for (;;) {
        const made = await goodTokensMadeWith(tx, accessToken.id);
        if (made.length === 0) return { accessToken, alsoRevoked, stillGoodCount: 0 };
        for (const token of made) token.revokedAt = now;
        await tx.flush();
        alsoRevoked.push(...made);
      }
    });
  }
}

/** The good tokens that were made with this one, or with one that was. */
async function goodTokensMadeWith(tx: EntityManager, id: string): Promise<AccessToken[]> {
  const { rows } = await sql<{ id: string }>`
    with recursive made as (
      select id from access_token where made_with_id = ${id}
      union select token.id from access_token token join made on token.made_with_id = made.id)
    select id from made`.execute(kysely(tx));
  const isNotOver = { $or: [{ expiresAt: null }, { expiresAt: { $gt: new Date() } }] };
  const ids = rows.map((row) => row.id);
  return await tx.find(AccessToken, { id: { $in: ids }, revokedAt: null, ...isNotOver });
}

function isGood({ and, eb, or }: ExpressionBuilder<Tables, 'AccessToken'>) {
  return and([
    eb('revokedAt', 'is', null),
    or([eb('expiresAt', 'is', null), eb('expiresAt', '>', sql<Date>`now()`)]),
  ]);
}

function checkTokenName(problems: Problems, name: string): void {
  if (name.trim() === '') problems.add('REQUIRED', ['name'], 'say what the token is for');
  checkText(problems, ['name'], name, MAX_TOKEN_NAME);
}

function checkEnd(problems: Problems, end: Date | null, latest: LatestEnd | null): void {
  if (end === null) return;
  if (end.getTime() <= Date.now()) problems.add('OUT_OF_RANGE', ['expiresAt'], 'must lie in the future');
  if (latest !== null && end > latest.at) {
    const max = latest.at.toISOString();
    problems.add('OUT_OF_RANGE', ['expiresAt'], `may be ${max} at the latest: ${latest.reason}`, { max });
  }
}

/** Refuses a token for a user, who is locked, if they are deactivated or have enough. */
async function checkRoom(tx: EntityManager, userId: string, path: readonly string[]): Promise<void> {
  const db = kysely(tx);
  const { name, deactivatedAt } = await db
    .selectFrom('User')
    .select(['name', 'deactivatedAt'])
    .where('id', '=', userId)
    .executeTakeFirstOrThrow();
  if (deactivatedAt !== null) {
    refuse('NOT_ALLOWED', path, `${name} is deactivated, and no token would be good; activate them first`);
  }
  const { count } = await db
    .selectFrom('AccessToken')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('userId', '=', userId)
    .where(isGood)
    .executeTakeFirstOrThrow();
  const current = Number(count);
  if (current < MAX_GOOD_TOKENS) return;
  const message = `${name} has ${current} access tokens already; revoke one that is not needed any more`;
  refuse('TOO_MANY', path, message, { max: MAX_GOOD_TOKENS, current });
}
