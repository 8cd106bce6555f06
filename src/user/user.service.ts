import { randomUUID } from 'node:crypto';
import { generateAccessToken, hashAccessToken } from '../auth/access-token.ts';
import type { Session } from '../auth/session.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import { Problems, refuse } from '../shared/problems.ts';
import { checkText } from '../shared/text.rules.ts';
import { AccessToken } from './access-token.entity.ts';
import { User } from './user.entity.ts';

const USER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9._@-]{0,63}$/;
const MAX_TOKEN_NAME = 128;

/** People and their access tokens. */
export class UserService {
  constructor(private readonly em: EntityManager) {}

  async byIds(ids: readonly string[]): Promise<User[]> {
    return await kysely(this.em.fork()).selectFrom('User').selectAll().where('id', 'in', ids).execute();
  }

  async byNames(names: readonly string[]): Promise<User[]> {
    return await kysely(this.em.fork()).selectFrom('User').selectAll().where('name', 'in', names).execute();
  }

  /** The user of this name, made on first sight where `em` is inside a transaction of the caller's. */
  async ensure(em: EntityManager, name: string, path: readonly string[], isAdmin = false): Promise<User> {
    const problems = new Problems();
    checkUserName(problems, path, name);
    problems.refuseIfAny();
    const user = {
      id: randomUUID(),
      name,
      kind: 'PERSON' as const,
      description: null,
      isAdmin,
      deactivatedAt: null,
      issuer: null,
      subject: null,
      createdAt: new Date(),
    };
    await em.upsert(User, user, { onConflictFields: ['name'], onConflictAction: 'ignore' });
    return await em.findOneOrFail(User, { name });
  }

  /** The viewer's own tokens that have not been revoked, newest first. */
  async accessTokens(session: Session): Promise<AccessToken[]> {
    return await kysely(this.em.fork())
      .selectFrom('AccessToken')
      .selectAll()
      .where('userId', '=', session.user.id)
      .where('revokedAt', 'is', null)
      .orderBy('createdAt', 'desc')
      .execute();
  }

  /**
   * Makes an access token. Administrators may make one for anybody, and make the user with it.
   *
   * @returns the token's row and, this one time, the token itself
   */
  async createAccessToken(
    session: Session,
    input: { readonly name: string; readonly userName?: string | null; readonly expiresAt?: Date | null },
  ): Promise<{ accessToken: AccessToken; token: string }> {
    const forAnother = typeof input.userName === 'string' && input.userName !== session.user.name;
    if (forAnother) session.assertCan('user:manage');
    const problems = new Problems();
    if (input.name.trim() === '') problems.add('REQUIRED', ['name'], 'say what the token is for');
    checkText(problems, ['name'], input.name, MAX_TOKEN_NAME);
    if (input.expiresAt && input.expiresAt.getTime() <= Date.now()) {
      problems.add('OUT_OF_RANGE', ['expiresAt'], 'must lie in the future');
    }
    if (forAnother) checkUserName(problems, ['userName'], input.userName as string);
    problems.refuseIfAny();
    const token = generateAccessToken();
    const accessToken = await this.em.fork().transactional(async (em) => {
      const user = forAnother ? await this.ensure(em, input.userName as string, ['userName']) : session.user;
      return em.create(AccessToken, {
        id: randomUUID(),
        userId: user.id,
        name: input.name,
        hash: hashAccessToken(token),
        prefix: null,
        canWrite: true,
        lastUsedAt: null,
        expiresAt: input.expiresAt ?? null,
        revokedAt: null,
        createdAt: new Date(),
      });
    });
    return { accessToken, token };
  }

  /** Ends a token at once. One's own, or anybody's for an administrator. */
  async revokeAccessToken(session: Session, id: string | null): Promise<AccessToken> {
    const em = this.em.fork();
    const token = id === null ? null : await em.findOne(AccessToken, { id });
    if (token === null || (token.userId !== session.user.id && !session.isAdmin)) {
      return refuse('NOT_FOUND', ['id'], 'there is no such access token');
    }
    token.revokedAt ??= new Date();
    await em.flush();
    return token;
  }
}

/** Checks the name of a user. */
export function checkUserName(problems: Problems, path: readonly string[], name: string): void {
  if (USER_NAME.test(name)) return;
  const message = 'a letter or digit, then at most 63 letters, digits, dots, hyphens, underscores or @ signs';
  problems.add('PATTERN', path, message, { pattern: USER_NAME.source });
}
