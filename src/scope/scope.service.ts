import { randomUUID } from 'node:crypto';
import type { EntityName, FilterQuery, RequiredEntityData } from '@mikro-orm/core';
import { sql } from 'kysely';
import type { Session } from '../auth/session.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import { isTaken } from '../db/violations.ts';
import type { Role } from '../shared/enums.ts';
import { type Page, type PageArgs, type Place, readWindow, toPage } from '../shared/keyset.ts';
import { Problems, refuse } from '../shared/problems.ts';
import { checkText, MAX_DESCRIPTION, MAX_DISPLAY_NAME } from '../shared/text.rules.ts';
import { checkUserName, type UserService } from '../user/user.service.ts';
import { checkScopeName } from './scope.rules.ts';

/** What rights are given on: a namespace or a workspace, with members. */
export interface Scope {
  id: string;
  name: string;
  displayName: string | null;
  description: string | null;
  imageLimit: number | null;
  storageLimitBytes: number | null;
  buildLimit: number | null;
  createdAt: Date;
  updatedAt: Date;
}

export interface ScopeInput {
  readonly name: string;
  readonly displayName?: string | null | undefined;
  readonly description?: string | null | undefined;
}

export interface ScopeMember {
  readonly userId: string;
  readonly role: Role;
}

/** Namespaces and workspaces alike: finding them, making them, and giving users roles on them. */
export abstract class ScopeService<S extends Scope> {
  /**
   * @param noun what it is called, in messages, in the table's name and in the names of its constraints
   * @param entity its table; the members' table is `<noun>_member`
   */
  protected constructor(
    protected readonly em: EntityManager,
    private readonly users: UserService,
    private readonly noun: 'namespace' | 'workspace',
    private readonly entity: EntityName<S>,
  ) {}

  /** May the viewer know of it? */
  abstract mayRead(session: Session, scope: S): boolean;

  /** The condition of {@link mayRead} for lists; administrators read all and are not asked about. */
  protected abstract readable(session: Session): FilterQuery<S>;

  /** A new one, of what all have in common. */
  protected abstract make(scope: Scope): S;

  /** By id, whoever asks: an image that the viewer may see shows the names of its namespace and workspace. */
  async byIds(ids: readonly string[]): Promise<S[]> {
    const where: object = { id: { $in: [...ids] } };
    return (await this.em.fork().find(this.entity, where as FilterQuery<S>)) as S[];
  }

  /** The one of this id or name, if it exists and the viewer may see it. */
  async find(session: Session, by: { readonly id: string } | { readonly name: string }): Promise<S | null> {
    const found = await this.em.fork().findOne(this.entity, by as FilterQuery<S>);
    return found !== null && this.mayRead(session, found as S) ? (found as S) : null;
  }

  /** Those that the viewer may see, by name; names are unique, so they are the whole order. */
  async page(session: Session, args: PageArgs): Promise<Page<S>> {
    const list = `${this.noun}s`;
    const window = readWindow(list, 'text', args);
    const visible = session.isAdmin ? {} : this.readable(session);
    const beyond = (place: Place | null, operator: '$gt' | '$lt') =>
      place === null ? [] : [{ name: { [operator]: String(place.value) } }];
    const where = { $and: [visible, ...beyond(window.after, '$gt'), ...beyond(window.before, '$lt')] };
    const rows = await this.em.fork().find(this.entity, where as FilterQuery<S>, {
      orderBy: { name: window.backward ? 'desc' : 'asc' } as never,
      limit: window.limit + 1,
    });
    return toPage(
      list,
      window,
      rows as S[],
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

  /** Makes one. Administrators only. */
  async create(session: Session, input: ScopeInput): Promise<S> {
    session.assertAdmin();
    const problems = new Problems();
    checkScopeName(problems, ['name'], input.name);
    checkText(problems, ['displayName'], input.displayName, MAX_DISPLAY_NAME);
    checkText(problems, ['description'], input.description, MAX_DESCRIPTION);
    problems.refuseIfAny();
    const { name, displayName = null, description = null } = input;
    const now = new Date();
    const scope = this.make({
      id: randomUUID(),
      name,
      displayName,
      description,
      imageLimit: null,
      storageLimitBytes: null,
      buildLimit: null,
      createdAt: now,
      updatedAt: now,
    });
    try {
      await this.em.fork().insert(this.entity, scope as RequiredEntityData<S>);
      return scope;
    } catch (error) {
      if (!isTaken(error, `${this.noun}_name`)) throw error;
      return refuse('NAME_TAKEN', ['name'], `the ${this.noun} ${name} exists already`);
    }
  }

  /**
   * Gives a user a role. The user is made on first sight.
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
    checkUserName(problems, ['userName'], userName);
    const scope = id === null ? null : await this.find(session, { id });
    if (scope === null) {
      return problems.refuse('NOT_FOUND', [`${this.noun}Id`], `there is no such ${this.noun}`);
    }
    session.assertCan(`${this.noun}:manage`, scope.id);
    problems.refuseIfAny();
    await this.em.fork().transactional(async (tx) => {
      const user = await this.users.ensure(tx, userName, ['userName']);
      const members = sql.table(`${this.noun}_member`);
      const scopeId = sql.ref(`${this.noun}_id`);
      await (role === null
        ? sql`delete from ${members} where ${scopeId} = ${scope.id} and user_id = ${user.id}`
        : sql`insert into ${members} (${scopeId}, user_id, role) values (${scope.id}, ${user.id}, ${role})
            on conflict (${scopeId}, user_id) do update set role = excluded.role`
      ).execute(kysely(tx));
    });
    return scope;
  }
}
