import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { ADMIN_NAME } from '../auth/authenticate.ts';
import type { Session } from '../auth/session.ts';
import { USER_NAME } from '../auth/user-name.rules.ts';
import { readPage } from '../db/keyset-page.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import { isTaken } from '../db/violations.ts';
import type { WriteGate } from '../db/write-gate.ts';
import type { UserKind } from '../shared/enums.ts';
import { excerpt } from '../shared/excerpt.ts';
import type { Page, PageArgs } from '../shared/keyset.ts';
import { Problems, refuse } from '../shared/problems.ts';
import { checkText } from '../shared/text.rules.ts';
import { User } from './user.entity.ts';

/** As much as the column takes, in code points. */
const MAX_USER_DESCRIPTION = 512;

export interface ServiceAccountInput {
  readonly name: string;
  readonly description?: string | null;
}

/** What can be changed of a user. Absent keeps; so does `null`, but that it clears the description. */
export interface UserChanges {
  readonly isAdmin?: boolean | null;
  readonly isActive?: boolean | null;
  readonly description?: string | null;
}

/** People and service accounts. */
export class UserService {
  constructor(
    private readonly em: EntityManager,
    private readonly writes: WriteGate,
  ) {}

  async byIds(ids: readonly string[]): Promise<User[]> {
    return await kysely(this.em.fork()).selectFrom('User').selectAll().where('id', 'in', ids).execute();
  }

  async byNames(names: readonly string[]): Promise<User[]> {
    return await kysely(this.em.fork()).selectFrom('User').selectAll().where('name', 'in', names).execute();
  }

  /** May the viewer see what a user may do and signs in with? Names are no secret to who is signed in. */
  mayReadAccount(session: Session, userId: string): boolean {
    return session.can('account:read', userId);
  }

  /** All users, by name. Administrators only. */
  page(session: Session, kind: UserKind | null, args: PageArgs): Page<User> {
    session.assertCan('user:read');
    const users = kysely(this.em.fork()).selectFrom('User').selectAll();
    return readPage(
      {
        name: `users ${kind ?? ''}`,
        alias: 'User',
        rows: kind === null ? users : users.where('kind', '=', kind),
        order: { by: sql.ref('name'), id: sql.ref('id'), direction: 'ASC', type: 'text' },
        placeOf: ({ name, id }) => ({ value: name, id }),
      },
      args,
    );
  }

  /** The user of this name; `null`: there is none. Administrators only. */
  async find(session: Session, name: string): Promise<User | null> {
    session.assertCan('user:read');
    return name.includes('\0') ? null : ((await this.byNames([name]))[0] ?? null);
  }

  /** The user of this name, a person made on first sight, inside a transaction of the caller's. */
  async ensure(tx: EntityManager, name: string, path: readonly string[]): Promise<User> {
    const problems = new Problems();
    checkUserName(problems, path, name);
    problems.refuseIfAny();
    await tx.upsert(User, newUser(name, 'PERSON', null), {
      onConflictFields: ['name'],
      onConflictAction: 'ignore',
    });
    return await tx.findOneOrFail(User, { name });
  }

  /** Makes a service account. Administrators only. */
  async createServiceAccount(session: Session, input: ServiceAccountInput): Promise<User> {
    session.assertCan('user:manage');
    const problems = new Problems();
    checkUserName(problems, ['name'], input.name);
    checkText(problems, ['description'], input.description, MAX_USER_DESCRIPTION);
    const taken = ['NAME_TAKEN', ['name'], `there is a user ${input.name} already`] as const;
    // Told together with what else is wrong; the index has the last word. What is no name is not looked up.
    if (!problems.has(['name']) && (await this.byNames([input.name])).length > 0) problems.add(...taken);
    problems.refuseIfAny();
    const user = newUser(input.name, 'SERVICE', input.description ?? null);
    try {
      await this.writes.run(async (tx) => await tx.insert(User, user));
      return user;
    } catch (error) {
      if (!isTaken(error, 'user_account_name')) throw error;
      return refuse(...taken);
    }
  }

  /** Changes what a user is, and whether they may sign in. Administrators only. */
  async update(session: Session, id: string | null, changes: UserChanges): Promise<User> {
    session.assertCan('user:manage');
    const { isAdmin, isActive, description } = changes;
    const problems = new Problems();
    checkText(problems, ['description'], description, MAX_USER_DESCRIPTION);
    const [found] = id === null ? [] : await this.byIds([id]);
    if (found === undefined) return problems.refuse('NOT_FOUND', ['id'], 'there is no such user');
    checkChanges(problems, session, found, changes);
    problems.refuseIfAny();
    return await this.writes.run(async (tx) => {
      const user = await tx.findOneOrFail(User, { id: found.id });
      if (typeof isAdmin === 'boolean') user.isAdmin = isAdmin;
      if (isActive === true) user.deactivatedAt = null;
      if (isActive === false) user.deactivatedAt ??= new Date();
      if (description !== undefined) user.description = description;
      return user;
    });
  }
}

/** What nobody may change, administrators included. */
function checkChanges(problems: Problems, session: Session, user: User, changes: UserChanges): void {
  if (user.name === ADMIN_NAME) {
    const message = `${ADMIN_NAME} is the operator's way in, and stays as it is; to change who may use it, change SLIPWAY_ADMIN_TOKEN`;
    problems.add('NOT_ALLOWED', ['id'], message);
    return;
  }
  if (user.id === session.user.id) {
    if (changes.isAdmin === false) {
      problems.add('NOT_ALLOWED', ['isAdmin'], 'another administrator has to take this from you');
    }
    if (changes.isActive === false) {
      problems.add('NOT_ALLOWED', ['isActive'], 'another administrator has to deactivate you');
    }
  }
  if (user.kind === 'PERSON' && typeof changes.description === 'string') {
    problems.add('NOT_ALLOWED', ['description'], 'a person is not described; only service accounts are');
  }
}

function newUser(name: string, kind: UserKind, description: string | null): User {
  return {
    id: randomUUID(),
    name,
    kind,
    description,
    isAdmin: false,
    deactivatedAt: null,
    issuer: null,
    subject: null,
    createdAt: new Date(),
  };
}

/** Checks the name of a user. */
export function checkUserName(problems: Problems, path: readonly string[], name: string): void {
  if (USER_NAME.test(name)) return;
  const message = `${JSON.stringify(excerpt(name))} is no name of a user: give a letter or digit, then at most 63 letters, digits, dots, hyphens, underscores or @ signs`;
  problems.add('PATTERN', path, message, { pattern: USER_NAME.source });
}
