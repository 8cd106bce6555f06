import { randomUUID } from 'node:crypto';
import {
  type EntityName,
  type FilterQuery,
  ForeignKeyConstraintViolationException,
  LockMode,
  type RequiredEntityData,
} from '@mikro-orm/core';
import { sql } from 'kysely';
import { holdSession } from '../auth/held-session.ts';
import type { Session } from '../auth/session.ts';
import { columnsOf } from '../db/columns.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import { plainSql } from '../db/plain-sql.ts';
import type { Reads } from '../db/read-connections.ts';
import type { Db } from '../db/tables.ts';
import { isTaken } from '../db/violations.ts';
import type { WriteGate } from '../db/write-gate.ts';
import type { Role } from '../shared/enums.ts';
import { type Page, type PageArgs, type Place, readWindow, toPage } from '../shared/keyset.ts';
import { Problems, refuse } from '../shared/problems.ts';
import { checkText, MAX_DESCRIPTION, MAX_DISPLAY_NAME } from '../shared/text.rules.ts';
import { checkNewUserName, checkUserName, type UserService } from '../user/user.service.ts';
import {
  checkQuota,
  checkScopeName,
  limitsOf,
  NO_LIMITS,
  type QuotaInput,
  type ScopeKind,
  type ScopeLimits,
  type ScopePermission,
} from './scope.rules.ts';
import type { ScopeContents, ScopeUse } from './scope-contents.ts';

/** Of a namespace or workspace: more than anybody keeps an eye on, and few enough to be listed whole. */
const MAX_MEMBERS = 1000;

/** What rights are given on: a namespace or a workspace, with members. */
export interface Scope extends ScopeLimits {
  id: string;
  name: string;
  displayName: string | null;
  description: string | null;
  createdAt: Date;
  updatedAt: Date;
}

export const SCOPE_COLUMNS = [
  'id',
  'name',
  'displayName',
  'description',
  'imageLimit',
  'storageLimitBytes',
  'buildLimit',
  'createdAt',
  'updatedAt',
] as const satisfies readonly (keyof Scope)[];

/** What can be changed of it. Absent keeps, `null` clears. */
export interface ScopeChanges {
  readonly displayName?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly quota?: QuotaInput | null | undefined;
}

export interface ScopeInput extends ScopeChanges {
  readonly name: string;
}

export interface ScopeMember {
  readonly userId: string;
  readonly role: Role;
}

/** Namespaces and workspaces alike: finding them, making, changing and deleting them, and giving users roles on them. */
export abstract class ScopeService<S extends Scope> {
  /**
   * @param noun what it is called, in messages, in the table's name and in the names of its constraints
   * @param entity its table; the members' table is `<noun>_member`
   */
  protected constructor(
    protected readonly em: EntityManager,
    private readonly reads: Reads,
    private readonly users: UserService,
    private readonly noun: ScopeKind,
    private readonly entity: EntityName<S>,
    private readonly contents: ScopeContents,
    private readonly writes: WriteGate,
  ) {}

  /** May the viewer know of it? */
  abstract mayRead(session: Session, scope: S): boolean;

  /**
   * The condition of {@link mayRead} for lists.
   *
   * @param ids those on which the viewer has a role
   */
  protected abstract readable(ids: readonly string[]): FilterQuery<S>;

  /** What is read of it, by the names of properties: all. */
  protected abstract readonly columns: readonly (keyof S & string)[];

  /** A new one, of what all have in common. */
  protected abstract make(scope: Scope): S;

  /** Is it the one that is meant where none is named? */
  protected abstract isDefault(scope: S): boolean;

  /** By id, whoever asks: an image that the viewer may see shows the names of its namespace and workspace. */
  async byIds(ids: readonly string[]): Promise<readonly S[]> {
    return await this.reads.short(plainSql<S>`select ${columnsOf('scope', this.columns)}
      from ${plainSql.raw(this.noun)} scope where scope.id = any(${[...ids]}::uuid[])`);
  }

  /**
   * The one of this id or name, if it exists and the viewer may see it.
   *
   * @param em a transaction's inside of one: who holds a connection and waits for another can wait for ever
   */
  async find(
    session: Session,
    by: { readonly id: string } | { readonly name: string },
    em: EntityManager = this.em.fork(),
  ): Promise<S | null> {
    const found = await em.findOne(this.entity, by as FilterQuery<S>);
    return found !== null && this.mayRead(session, found as S) ? (found as S) : null;
  }

  /** Those that the viewer may see, by name; names are unique, so they are the whole order. */
  async page(session: Session, args: PageArgs): Promise<Page<S>> {
    const list = `${this.noun}s`;
    const window = readWindow(list, 'text', args);
    const ids = session.allowedOn(`${this.noun}:read`);
    const visible = ids === null ? {} : this.readable(ids);
    const beyond = (place: Place | null, operator: '$gt' | '$lt') =>
      place === null ? [] : [{ name: { [operator]: String(place.value) } }];
    const where = { $and: [visible, ...beyond(window.after, '$gt'), ...beyond(window.before, '$lt')] };
    const read = async () =>
      (await this.em.fork().find(this.entity, where as FilterQuery<S>, {
        orderBy: { name: window.backward ? 'desc' : 'asc' } as never,
        limit: window.limit + 1,
      })) as S[];
    return toPage(
      list,
      window,
      read,
      (row) => ({ value: row.name, id: row.id }),
      async () => await this.em.fork().count(this.entity, visible as FilterQuery<S>),
    );
  }

  /** The members of those of these that the viewer may read, by the namespace's or workspace's id. */
  async members(session: Session, ids: readonly string[]): Promise<ReadonlyMap<string, ScopeMember[]>> {
    const readable = ids.filter((id) => session.can(`${this.noun}:read`, id));
    if (readable.length === 0) return new Map();
    const scopeId = sql.ref(`${this.noun}_id`);
    const { rows } = await sql<ScopeMember & { scopeId: string }>`
      select ${scopeId} as "scopeId", user_id as "userId", role from ${sql.table(`${this.noun}_member`)}
      where ${scopeId} = any(${readable}::uuid[]) order by user_id`.execute(kysely(this.em.fork()));
    return Map.groupBy(rows, (row) => row.scopeId);
  }

  /** What the viewer may do with it. */
  permissions(session: Session, scope: S): ScopePermission[] {
    const { noun } = this;
    const mayManage = session.can(`${noun}:manage`, scope.id);
    return [
      ...(this.mayRead(session, scope) ? (['READ'] as const) : []),
      ...(mayManage ? (['UPDATE', 'MANAGE_MEMBERS'] as const) : []),
      ...(mayManage && session.can(`${noun}:limit`) ? (['LIMIT'] as const) : []),
      ...(session.can(`${noun}:delete`) && !this.isDefault(scope) ? (['DELETE'] as const) : []),
    ];
  }

  /** Makes one. Administrators only. */
  async create(session: Session, input: ScopeInput): Promise<S> {
    session.assertCan(`${this.noun}:create`);
    const problems = new Problems();
    checkScopeName(problems, ['name'], input.name);
    checkChanges(problems, input);
    const { name, displayName = null, description = null, quota } = input;
    const taken = ['NAME_TAKEN', ['name'], `the ${this.noun} ${name} exists already`] as const;
    // Told together with what else is wrong; the index has the last word. What is no name is not looked up.
    if (!problems.has(['name']) && (await this.find(session, { name })) !== null) problems.add(...taken);
    problems.refuseIfAny();
    const now = new Date();
    const scope = this.make({
      id: randomUUID(),
      name,
      displayName,
      description,
      ...NO_LIMITS,
      ...limitsOf(quota),
      createdAt: now,
      updatedAt: now,
    });
    try {
      await this.writes.run(async (tx) => {
        await tx.insert(this.entity, scope as RequiredEntityData<S>);
        (await holdSession(kysely(tx), session)).assertCan(`${this.noun}:create`);
      });
      return scope;
    } catch (error) {
      if (!isTaken(error, `${this.noun}_name`)) throw error;
      return refuse(...taken);
    }
  }

  /** Changes what is said about it: its OWNERs; and its limits: administrators only. Absent keeps, `null` clears. */
  async update(session: Session, id: string | null, changes: ScopeChanges): Promise<S> {
    const problems = new Problems();
    checkChanges(problems, changes);
    const { id: uid } = await this.#getSeen(session, id, ['id'], problems);
    session.assertCan(`${this.noun}:manage`, uid);
    const { displayName, description, quota } = changes;
    if (quota !== undefined) session.assertCan(`${this.noun}:limit`);
    problems.refuseIfAny();
    return await this.writes.run(async (tx) => {
      // Waits for those who were let in under the old limits (see lockRoom), so that the next one counts them.
      const lockMode = quota === undefined ? LockMode.NONE : LockMode.PESSIMISTIC_WRITE;
      const where: object = { id: uid };
      const scope = (await tx.findOne(this.entity, where as FilterQuery<S>, { lockMode })) as S | null;
      if (scope === null) return refuse('NOT_FOUND', ['id'], `there is no such ${this.noun}`);
      const viewer = await holdSession(kysely(tx), session, { kind: this.noun, id: uid });
      viewer.assertCan(`${this.noun}:manage`, uid);
      if (quota !== undefined) viewer.assertCan(`${this.noun}:limit`);
      if (displayName !== undefined) scope.displayName = displayName;
      if (description !== undefined) scope.description = description;
      Object.assign(scope, limitsOf(quota));
      scope.updatedAt = new Date();
      return scope;
    });
  }

  /**
   * Deletes one that is empty, and with it its members' roles and the records of its finished builds. Administrators only.
   *
   * @returns what it was
   */
  async delete(session: Session, id: string | null): Promise<S> {
    const scope = await this.#getSeen(session, id, ['id'], new Problems());
    session.assertCan(`${this.noun}:delete`);
    if (this.isDefault(scope)) {
      const message = `what names no ${this.noun} belongs to the default one, which is therefore always there`;
      refuse('NOT_ALLOWED', ['id'], message);
    }
    const { em, writes, entity, noun, contents } = this;
    const where = { id: scope.id } as object as FilterQuery<S>;
    try {
      await writes.run(async (tx) => {
        // Nothing can be put into it any more: a new row's foreign key waits for this lock.
        const found = await tx.findOne(entity, where, { lockMode: LockMode.PESSIMISTIC_WRITE });
        if (found === null) refuse('NOT_FOUND', ['id'], `there is no such ${noun}`);
        (await holdSession(kysely(tx), session)).assertCan(`${noun}:delete`);
        const use = await contents.count(tx, noun, scope.id);
        if (use.images + use.deletedImages + use.unfinishedBuilds > 0) this.#refuseInUse(scope, use);
        await contents.clear(tx, noun, scope.id);
        await this.#lockRoles(tx, scope.id);
        await tx.nativeDelete(entity, where);
      });
    } catch (error) {
      if (!(error instanceof ForeignKeyConstraintViolationException)) throw error;
      this.#refuseInUse(scope, await contents.count(em.fork(), noun, scope.id));
    }
    return scope;
  }

  /**
   * Locks its members, and the versions of their roles that go with them: in one order, or two deletions might wait for each other, and
   * versions last, as whoever changes a role does.
   */
  async #lockRoles(tx: EntityManager, id: string): Promise<void> {
    const [members, scopeId] = [sql.table(`${this.noun}_member`), sql.ref(`${this.noun}_id`)];
    const db = kysely(tx);
    await sql`select from ${members} where ${scopeId} = ${id} order by user_id for update`.execute(db);
    await sql`
      select from role_version where user_id in (select user_id from ${members} where ${scopeId} = ${id})
      order by user_id for update`.execute(db);
  }

  #refuseInUse({ name }: S, use: ScopeUse): never {
    const { images, deletedImages, unfinishedBuilds } = use;
    const held = `images: ${images}, deleted but not purged: ${deletedImages}, unfinished builds: ${unfinishedBuilds}`;
    const message = `the ${this.noun} ${name} is not empty (${held}): delete and purge its images, and cancel its builds or wait for them`;
    refuse('IN_USE', ['id'], message, { images, deletedImages, unfinishedBuilds });
  }

  /** The one of this id, if the viewer may see it; else NOT_FOUND, with the problems found so far. */
  async #getSeen(
    session: Session,
    id: string | null,
    path: readonly string[],
    problems: Problems,
  ): Promise<S> {
    const scope = id === null ? null : await this.find(session, { id });
    return scope ?? problems.refuse('NOT_FOUND', path, `there is no such ${this.noun}`);
  }

  /**
   * Gives a user a role. The user is made on first sight, but not in order to have none.
   *
   * @param role `null` takes the membership away; `undefined` is refused: a slip must not take rights
   */
  async setMember(
    session: Session,
    id: string | null,
    userName: string,
    role: Role | null | undefined,
  ): Promise<S> {
    const problems = new Problems();
    if (role === undefined) {
      problems.add('REQUIRED', ['role'], 'say the role, or null to take the membership away');
    }
    const check = role === null ? checkUserName : checkNewUserName;
    check(problems, ['userName'], userName);
    const scope = await this.#getSeen(session, id, [`${this.noun}Id`], problems);
    session.assertCan(`${this.noun}:manage`, scope.id);
    problems.refuseIfAny();
    await this.writes.run(async (tx) => {
      const db = kysely(tx);
      await this.#lockMembers(db, scope.id);
      const user = role
        ? await this.users.ensure(tx, userName, ['userName'])
        : (await this.users.byNames([userName], tx))[0];
      const viewer = await holdSession(db, session, { kind: this.noun, id: scope.id });
      viewer.assertCan(`${this.noun}:manage`, scope.id);
      if (user === undefined) return;
      const members = sql.table(`${this.noun}_member`);
      const scopeId = sql.ref(`${this.noun}_id`);
      if (!role) {
        await sql`delete from ${members} where ${scopeId} = ${scope.id} and user_id = ${user.id}`.execute(db);
        return;
      }
      await this.#checkRoom(db, scope, user.id);
      await sql`
        insert into ${members} (${scopeId}, user_id, role) values (${scope.id}, ${user.id}, ${role})
        on conflict (${scopeId}, user_id) do update set role = excluded.role`.execute(db);
    });
    return scope;
  }

  /**
   * Waits for whoever is giving roles on it, so that of two OWNERs who take the role from each other one is first, and members are
   * counted; and keeps it from being deleted.
   */
  async #lockMembers(db: Db, id: string): Promise<void> {
    const lock = `slipway members of ${id}`;
    await sql`select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`.execute(db);
    const { rows } = await sql`select from ${sql.table(this.noun)} where id = ${id} for key share`.execute(
      db,
    );
    if (rows.length === 0) refuse('NOT_FOUND', [`${this.noun}Id`], `there is no such ${this.noun}`);
  }

  /** Refuses one more member than there may be. */
  async #checkRoom(db: Db, { id, name }: S, userId: string): Promise<void> {
    const { rows } = await sql<{ current: number; isMember: boolean | null }>`
      select count(*)::int as current, bool_or(user_id = ${userId}) as "isMember"
      from ${sql.table(`${this.noun}_member`)} where ${sql.ref(`${this.noun}_id`)} = ${id}`.execute(db);
    const { current = 0, isMember = false } = rows[0] ?? {};
    if (isMember === true || current < MAX_MEMBERS) return;
    const message = `the ${this.noun} ${name} has ${current} members already; take the role from one who does not need it any more`;
    refuse('TOO_MANY', ['userName'], message, { max: MAX_MEMBERS, current });
  }
}

function checkChanges(problems: Problems, changes: ScopeChanges): void {
  checkText(problems, ['displayName'], changes.displayName, MAX_DISPLAY_NAME);
  checkText(problems, ['description'], changes.description, MAX_DESCRIPTION);
  checkQuota(problems, ['quota'], changes.quota);
}
