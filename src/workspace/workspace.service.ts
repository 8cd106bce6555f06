import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Session } from '../auth/session.ts';
import { keysetCondition, keysetOrder } from '../db/keyset-query.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import { isTaken } from '../db/violations.ts';
import type { Role } from '../shared/enums.ts';
import { type Page, type PageArgs, readWindow, toPage } from '../shared/keyset.ts';
import { Problems, refuse } from '../shared/problems.ts';
import { checkText, MAX_DESCRIPTION, MAX_DISPLAY_NAME } from '../shared/text.rules.ts';
import type { UserService } from '../user/user.service.ts';
import { Workspace, WorkspaceMember } from './workspace.entity.ts';
import { WORKSPACE_NAME } from './workspace.rules.ts';

export interface WorkspaceInput {
  readonly name: string;
  readonly displayName?: string | null | undefined;
  readonly description?: string | null | undefined;
}

/** Workspaces and their members. */
export class WorkspaceService {
  constructor(
    private readonly em: EntityManager,
    private readonly users: UserService,
  ) {}

  /** By id, whoever asks: a public image shows the name of its workspace to everyone. */
  async byIds(ids: readonly string[]): Promise<Workspace[]> {
    return await kysely(this.em.fork()).selectFrom('Workspace').selectAll().where('id', 'in', ids).execute();
  }

  /** The workspace, if it exists and the viewer may see it. */
  async find(
    session: Session,
    by: { readonly id: string } | { readonly name: string },
  ): Promise<Workspace | null> {
    const found = await this.em.fork().findOne(Workspace, by);
    return found !== null && this.mayRead(session, found) ? found : null;
  }

  /** Everyone may know the default workspace: it is where those who have no other work. */
  mayRead(session: Session, workspace: Workspace): boolean {
    return workspace.isDefault || session.can('workspace:read', workspace.id);
  }

  /** By name, whoever asks: for labels that name a workspace. */
  async byNames(names: readonly string[]): Promise<Map<string, Workspace>> {
    const found = await this.em.fork().find(Workspace, { name: { $in: [...new Set(names)] } });
    return new Map(found.map((workspace) => [workspace.name, workspace]));
  }

  /** The workspace that is meant where none is named. */
  async default(): Promise<Workspace> {
    return await this.em.fork().findOneOrFail(Workspace, { isDefault: true });
  }

  /**
   * The workspace that new work is to belong to.
   *
   * @param uid `undefined`: the default one; `null`: an id that names no workspace
   * @throws ForbiddenError where the viewer sees it but may not work in it
   */
  async findTarget(
    session: Session,
    uid: string | null | undefined,
    path: readonly string[],
    problems: Problems,
  ): Promise<Workspace | null> {
    if (uid === undefined) return await this.default();
    const workspace = uid === null ? null : await this.find(session, { id: uid });
    if (workspace === null) problems.add('NOT_FOUND', path, 'there is no such workspace');
    else if (!workspace.isDefault) session.assertCan('workspace:work', workspace.id);
    return workspace;
  }

  /** The workspaces that the viewer may see, by name. */
  async page(session: Session, args: PageArgs): Promise<Page<Workspace>> {
    const window = readWindow('workspaces', args);
    const order = { by: sql.ref('name'), id: sql.ref('id'), direction: 'ASC', type: 'text' } as const;
    const visible = kysely(this.em.fork())
      .selectFrom('Workspace')
      .where(
        session.isAdmin
          ? sql<boolean>`true`
          : sql<boolean>`(is_default or id = any(${[...session.workspaceRoles.keys()]}::uuid[]))`,
      );
    const rows = await visible
      .selectAll()
      .where(keysetCondition(order, window))
      .orderBy(keysetOrder(order, window))
      .limit(window.limit + 1)
      .execute();
    return toPage(
      'workspaces',
      window,
      rows,
      (row) => ({ value: row.name, id: row.id }),
      async () =>
        Number((await visible.select((eb) => eb.fn.countAll().as('count')).executeTakeFirstOrThrow()).count),
    );
  }

  /** The members of those of these workspaces that the viewer may read, by the workspace's id. */
  async members(
    session: Session,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, { readonly userId: string; readonly role: Role }[]>> {
    const readable = ids.filter((id) => session.can('workspace:read', id));
    if (readable.length === 0) return new Map();
    const rows = await kysely(this.em.fork())
      .selectFrom('WorkspaceMember')
      .select(['workspaceId', 'userId', 'role'])
      .where('workspaceId', 'in', readable)
      .orderBy('userId')
      .execute();
    return Map.groupBy(rows, (row) => row.workspaceId);
  }

  /** Makes a workspace. Administrators only. */
  async create(session: Session, input: WorkspaceInput): Promise<Workspace> {
    session.assertAdmin();
    const problems = new Problems();
    if (!WORKSPACE_NAME.test(input.name)) {
      problems.add(
        'PATTERN',
        ['name'],
        'a lower-case letter, then at most 63 letters, digits, hyphens, underscores or dots',
        {
          pattern: WORKSPACE_NAME.source,
        },
      );
    }
    checkText(problems, ['displayName'], input.displayName, MAX_DISPLAY_NAME);
    checkText(problems, ['description'], input.description, MAX_DESCRIPTION);
    problems.refuseIfAny();
    const now = new Date();
    try {
      const em = this.em.fork();
      const workspace = em.create(Workspace, {
        id: randomUUID(),
        name: input.name,
        displayName: input.displayName ?? null,
        description: input.description ?? null,
        isDefault: false,
        createdAt: now,
        updatedAt: now,
      });
      await em.flush();
      return workspace;
    } catch (error) {
      if (isTaken(error, 'workspace_name'))
        refuse('NAME_TAKEN', ['name'], `the workspace ${input.name} exists already`);
      throw error;
    }
  }

  /** Gives a user a role on a workspace, or takes it away where `role` is null. The user is made on first sight. */
  async setMember(
    session: Session,
    id: string | null,
    userName: string,
    role: Role | null,
  ): Promise<Workspace> {
    const workspace = id === null ? null : await this.find(session, { id });
    if (workspace === null) return refuse('NOT_FOUND', ['workspaceId'], 'there is no such workspace');
    session.assertCan('workspace:manage', workspace.id);
    await this.em.fork().transactional(async (em) => {
      const user = await this.users.ensure(em, userName, ['userName']);
      const member = { workspaceId: workspace.id, userId: user.id };
      if (role === null) await em.nativeDelete(WorkspaceMember, member);
      else await em.upsert(WorkspaceMember, { ...member, role });
    });
    return workspace;
  }
}
