import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { holdSession } from '../auth/held-session.ts';
import type { Session } from '../auth/session.ts';
import { ADMIN_NAME, isOperators, USER_NAME } from '../auth/user-name.rules.ts';
import { readPage } from '../db/keyset-page.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import { plainSql } from '../db/plain-sql.ts';
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
/** OpenID Connect's, and as much as the column takes. */
const MAX_SUBJECT = 255;

export interface ServiceAccountInput {
  readonly name: string;
  readonly description?: string | null;
}

/** What can be changed of a user. Absent keeps; so does `null`, but that it clears the description and the subject. */
export interface UserChanges {
  readonly isAdmin?: boolean | null;
  readonly isActive?: boolean | null;
  readonly description?: string | null;
  readonly subject?: string | null;
}

/** People and service accounts. */
export class UserService {
  /** @param issuer whose JWTs sign in; `null`: nobody's */
  constructor(
    private readonly em: EntityManager,
    private readonly writes: WriteGate,
    private readonly issuer: string | null,
  ) {}

  async byIds(ids: readonly string[]): Promise<User[]> {
    return await kysely(this.em.fork()).selectFrom('User').selectAll().where('id', 'in', ids).execute();
  }

  async byNames(names: readonly string[], em: EntityManager = this.em.fork()): Promise<User[]> {
    return await kysely(em).selectFrom('User').selectAll().where('name', 'in', names).execute();
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
        order: { by: plainSql`name`, id: plainSql`id`, direction: 'ASC', type: 'text' },
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
    checkNewUserName(problems, path, name);
    problems.refuseIfAny();
    await tx.upsert(User, newUser(name, 'PERSON', null), {
      onConflictFields: ['name'],
      onConflictAction: 'ignore',
    });
    return await tx.findOneOrFail(User, { name });
  }

  /**
   * Makes a service account: also of a person who is no more than a name that somebody has written down once, so that nobody can keep
   * names from service accounts. Administrators only.
   */
  async createServiceAccount(session: Session, input: ServiceAccountInput): Promise<User> {
    session.assertCan('user:manage');
    const problems = new Problems();
    checkNewUserName(problems, ['name'], input.name);
    checkText(problems, ['description'], input.description, MAX_USER_DESCRIPTION);
    const taken = ['NAME_TAKEN', ['name'], `there is a user ${input.name} already`] as const;
    // Told together with what else is wrong; the index has the last word. What is no name is not looked up.
    const { name, description = null } = input;
    const [known] = problems.has(['name']) ? [] : await this.byNames([name]);
    if (known !== undefined && !(await isMereName(this.em.fork(), known.id))) problems.add(...taken);
    problems.refuseIfAny();
    try {
      return await this.writes.run(async (tx) => {
        const user = await tx.findOne(User, { name });
        const made = user ?? newUser(name, 'SERVICE', description);
        if (user === null) await tx.insert(User, made);
        await lockUsers(tx, [session.user.id, made.id]);
        (await holdSession(kysely(tx), session)).assertCan('user:manage');
        if (user !== null) {
          if (!(await isMereName(tx, user.id))) return refuse(...taken);
          user.kind = 'SERVICE';
          user.description = description;
        }
        return made;
      });
    } catch (error) {
      if (!isTaken(error, 'user_account_name')) throw error;
      return refuse(...taken);
    }
  }

  /** Changes what a user is, and whether they may sign in. Administrators only. */
  async update(session: Session, id: string | null, changes: UserChanges): Promise<User> {
    session.assertCan('user:manage');
    const { isAdmin, isActive, description, subject } = changes;
    const { issuer } = this;
    const problems = new Problems();
    checkText(problems, ['description'], description, MAX_USER_DESCRIPTION);
    checkSubject(problems, subject, issuer);
    try {
      return await this.writes.run(async (tx) => {
        await lockUsers(tx, id === null ? [session.user.id] : [session.user.id, id]);
        (await holdSession(kysely(tx), session)).assertCan('user:manage');
        const user = id === null ? null : await tx.findOne(User, { id });
        if (user === null) return problems.refuse('NOT_FOUND', ['id'], 'there is no such user');
        checkChanges(problems, session, user, changes);
        problems.refuseIfAny();
        if (typeof isAdmin === 'boolean') user.isAdmin = isAdmin;
        if (isActive === true) user.deactivatedAt = null;
        if (isActive === false) user.deactivatedAt ??= new Date();
        if (description !== undefined) user.description = description;
        if (subject !== undefined) {
          user.subject = subject;
          user.issuer = subject === null ? null : issuer;
        }
        return user;
      });
    } catch (error) {
      if (!isTaken(error, 'user_account_identity')) throw error;
      return refuse('NAME_TAKEN', ['subject'], await this.#whoHas(subject ?? ''));
    }
  }

  async #whoHas(subject: string): Promise<string> {
    const other = await this.em.fork().findOne(User, { issuer: this.issuer, subject });
    const whose = other === null ? 'somebody else' : other.name;
    return `${whose} is linked to this subject: unlink them first, subject: null, and deactivate them if they are to stay unlinked`;
  }
}

/**
 * Locks users until the transaction ends, in one order everywhere: who changes the same ones at once waits for the other one, never both
 * for each other. Names are made before it, tokens and roles are locked after it.
 */
export async function lockUsers(tx: EntityManager, ids: readonly string[]): Promise<void> {
  await kysely(tx)
    .selectFrom('User')
    .select('id')
    .where('id', 'in', ids)
    .orderBy('id')
    .forNoKeyUpdate()
    .execute();
}

/** Is this user a person of whom there is nothing but the name: who can never have signed in, and has no role? */
async function isMereName(em: EntityManager, id: string): Promise<boolean> {
  const { rows } = await sql`
    select from user_account u where id = ${id} and kind = 'PERSON' and not is_admin and deactivated_at is null and issuer is null
      and not exists (select from access_token where user_id = u.id)
      and not exists (select from namespace_member where user_id = u.id)
      and not exists (select from workspace_member where user_id = u.id)`.execute(kysely(em));
  return rows.length > 0;
}

function checkSubject(problems: Problems, subject: string | null | undefined, issuer: string | null): void {
  if (typeof subject !== 'string') return;
  if (issuer === null) {
    problems.add('NOT_ALLOWED', ['subject'], 'there is no issuer to have subjects: set OIDC_ISSUER first');
  }
  if (subject === '')
    problems.add('REQUIRED', ['subject'], 'give what `sub` is in their JWTs, or null to unlink them');
  checkText(problems, ['subject'], subject, MAX_SUBJECT);
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
  if (user.kind === 'SERVICE' && typeof changes.subject === 'string') {
    problems.add('NOT_ALLOWED', ['subject'], 'no JWT signs in a service account; make it an access token');
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

/** Checks the name of a user who is made where there is none of it: nobody gets to look like the operator's. */
export function checkNewUserName(problems: Problems, path: readonly string[], name: string): void {
  checkUserName(problems, path, name);
  if (name === ADMIN_NAME || !isOperators(name)) return;
  problems.add(
    'NOT_ALLOWED',
    path,
    `${name} would look like the operator's user ${ADMIN_NAME}; give another name`,
  );
}
