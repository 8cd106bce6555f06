import type { Session } from '../auth/session.ts';
import type { EntityManager } from '../db/orm.ts';
import type { Reads } from '../db/read-connections.ts';
import type { WriteGate } from '../db/write-gate.ts';
import { SCOPE_COLUMNS, type Scope, ScopeService } from '../scope/scope.service.ts';
import type { ScopeContents } from '../scope/scope-contents.ts';
import type { Problems } from '../shared/problems.ts';
import type { UserService } from '../user/user.service.ts';
import { Workspace } from './workspace.entity.ts';

/** Workspaces and their members. */
export class WorkspaceService extends ScopeService<Workspace> {
  protected override readonly columns = [...SCOPE_COLUMNS, 'isDefault'] as const;

  constructor(
    em: EntityManager,
    reads: Reads,
    users: UserService,
    contents: ScopeContents,
    writes: WriteGate,
  ) {
    super(em, reads, users, 'workspace', Workspace, contents, writes);
  }

  /** Everyone may know the default workspace: it is where those who have no other work. */
  override mayRead(session: Session, { id, isDefault }: Workspace): boolean {
    return (isDefault && session.can('default-workspace:read')) || session.can('workspace:read', id);
  }

  protected override readable(ids: readonly string[]) {
    return { $or: [{ isDefault: true }, { id: { $in: [...ids] } }] };
  }

  /** May the viewer put images and builds into it? Everyone may into the default one. */
  mayWork(session: Session, { id, isDefault }: Workspace): boolean {
    return (isDefault && session.can('default-workspace:work')) || session.can('workspace:work', id);
  }

  protected override make(scope: Scope): Workspace {
    return { ...scope, isDefault: false };
  }

  protected override isDefault({ isDefault }: Workspace): boolean {
    return isDefault;
  }

  /** By name, whoever asks: for labels that name a workspace. */
  async byNames(
    names: readonly string[],
    em: EntityManager = this.em.fork(),
  ): Promise<Map<string, Workspace>> {
    const found = await em.find(Workspace, { name: { $in: [...new Set(names)] } });
    return new Map(found.map((workspace) => [workspace.name, workspace]));
  }

  /** The workspace that is meant where none is named. */
  async default(em: EntityManager = this.em.fork()): Promise<Workspace> {
    return await em.findOneOrFail(Workspace, { isDefault: true });
  }

  /**
   * The workspace that new work is to belong to.
   *
   * @param uid `undefined`: the default one; `null`: an id that names no workspace
   * @param em a transaction's inside of one
   * @throws ForbiddenError where the viewer sees it but may not work in it
   */
  async findTarget(
    session: Session,
    uid: string | null | undefined,
    path: readonly string[],
    problems: Problems,
    em?: EntityManager,
  ): Promise<Workspace | null> {
    if (uid === undefined) return await this.default(em);
    const workspace = uid === null ? null : await this.find(session, { id: uid }, em);
    if (workspace === null) problems.add('NOT_FOUND', path, 'there is no such workspace');
    else if (!this.mayWork(session, workspace)) session.assertCan('workspace:work', workspace.id);
    return workspace;
  }
}
