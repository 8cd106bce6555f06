import { randomUUID } from 'node:crypto';
import { type ExpressionBuilder, sql } from 'kysely';
import { generateAccessToken, hashAccessToken, shownPrefixOf } from '../auth/access-token.ts';
import type { Session } from '../auth/session.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import type { Tables } from '../db/tables.ts';
import type { WriteGate } from '../db/write-gate.ts';
import type { TokenScope } from '../shared/enums.ts';
import { Problems, refuse } from '../shared/problems.ts';
import { checkText } from '../shared/text.rules.ts';
import { AccessToken } from './access-token.entity.ts';
import { checkUserName, type UserService } from './user.service.ts';

const MAX_TOKEN_NAME = 128;
/** Good tokens of one user: more than anybody keeps apart, and few enough to be listed whole. */
const MAX_GOOD_TOKENS = 100;

export interface AccessTokenInput {
  readonly name: string;
  readonly userName?: string | null;
  readonly scopes?: readonly TokenScope[] | null;
  readonly expiresAt?: Date | null;
}

/** The access tokens of users. */
export class AccessTokenService {
  constructor(
    private readonly em: EntityManager,
    private readonly users: UserService,
    private readonly writes: WriteGate,
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
   * Makes an access token. Administrators may make one for anybody, and make the user with it. A token gives no more than it has:
   * one that ends makes none that ends later.
   *
   * @returns the token's row and, this one time, the token itself
   */
  async create(
    session: Session,
    input: AccessTokenInput,
  ): Promise<{ accessToken: AccessToken; token: string }> {
    // Asked by the guard of every mutation as well: here it would let a token give more than it has.
    session.assertScope('WRITE');
    const other = input.userName === session.user.name ? null : (input.userName ?? null);
    if (other !== null) session.assertCan('user:manage');
    const { credential } = session;
    const latestEnd = credential.kind === 'ACCESS_TOKEN' ? credential.expiresAt : null;
    const problems = new Problems();
    checkTokenName(problems, input.name);
    if (input.scopes?.length === 0) {
      problems.add('REQUIRED', ['scopes'], 'a token is for something: give READ, or READ and WRITE');
    }
    checkEnd(problems, input.expiresAt ?? null, latestEnd);
    if (other !== null) checkUserName(problems, ['userName'], other);
    problems.refuseIfAny();
    const token = generateAccessToken();
    const accessToken = await this.writes.run(async (tx) => {
      const userId = other === null ? session.user.id : (await this.users.ensure(tx, other, ['userName'])).id;
      await checkRoom(tx, userId, other === null ? [] : ['userName']);
      return tx.create(AccessToken, {
        id: randomUUID(),
        userId,
        name: input.name,
        hash: hashAccessToken(token),
        prefix: shownPrefixOf(token),
        canWrite: input.scopes?.includes('WRITE') ?? true,
        lastUsedAt: null,
        expiresAt: input.expiresAt ?? latestEnd,
        revokedAt: null,
        createdAt: new Date(),
      });
    });
    return { accessToken, token };
  }

  /** Ends a token at once. One's own, or anybody's for an administrator. */
  async revoke(session: Session, id: string | null): Promise<AccessToken> {
    return await this.writes.run(async (tx) => {
      const token = id === null ? null : await tx.findOne(AccessToken, { id });
      if (token === null || !session.can('token:revoke', token.userId)) {
        return refuse('NOT_FOUND', ['id'], 'there is no such access token');
      }
      token.revokedAt ??= new Date();
      return token;
    });
  }
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

function checkEnd(problems: Problems, end: Date | null, latest: Date | null): void {
  if (end === null) return;
  if (end.getTime() <= Date.now()) problems.add('OUT_OF_RANGE', ['expiresAt'], 'must lie in the future');
  if (latest !== null && end > latest) {
    const message = `the access token that you have signed in with ends at ${latest.toISOString()}, and makes none that ends later`;
    problems.add('OUT_OF_RANGE', ['expiresAt'], message, { max: latest.toISOString() });
  }
}

/** Refuses a token for who is deactivated and for who has enough. Who makes one for the same user at once waits until this one counts. */
async function checkRoom(tx: EntityManager, userId: string, path: readonly string[]): Promise<void> {
  const db = kysely(tx);
  const { name, deactivatedAt } = await db
    .selectFrom('User')
    .select(['name', 'deactivatedAt'])
    .where('id', '=', userId)
    .forNoKeyUpdate()
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
