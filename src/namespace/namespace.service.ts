import { randomUUID } from 'node:crypto';
import type { Session } from '../auth/session.ts';
import type { EntityManager } from '../db/orm.ts';
import { type Scope, ScopeService } from '../scope/scope.service.ts';
import type { Problems } from '../shared/problems.ts';
import type { UserService } from '../user/user.service.ts';
import { Namespace } from './namespace.entity.ts';

/** Namespaces and their members. */
export class NamespaceService extends ScopeService<Namespace> {
  constructor(em: EntityManager, users: UserService) {
    super(em, users, 'namespace', Namespace);
  }

  override mayRead(session: Session, namespace: Namespace): boolean {
    return session.can('namespace:read', namespace.id);
  }

  protected override readable(session: Session) {
    return { id: { $in: [...session.namespaceRoles.keys()] } };
  }

  protected override make(scope: Scope): Namespace {
    return scope;
  }

  /**
   * The namespace that a new image is to belong to.
   *
   * @returns `null` if there is none of this name: what an administrator names is made with the image ({@link ensure}),
   *   for anyone else it is a problem, as is a namespace that the viewer may not see
   * @throws ForbiddenError where the viewer sees it but may not make images in it
   */
  async findTarget(
    session: Session,
    name: string,
    path: readonly string[],
    problems: Problems,
  ): Promise<Namespace | null> {
    const namespace = await this.find(session, { name });
    if (namespace !== null) session.assertCan('image:create', namespace.id);
    else if (!session.isAdmin) {
      problems.add('NOT_FOUND', path, `there is no namespace ${name}; ask an administrator for it`);
    }
    return namespace;
  }

  /** The namespace of this name, made where there is none. For what an administrator asked for: the caller has checked. */
  async ensure(tx: EntityManager, name: string): Promise<Namespace> {
    const now = new Date();
    const fresh = {
      id: randomUUID(),
      name,
      displayName: null,
      description: null,
      createdAt: now,
      updatedAt: now,
    };
    await tx.upsert(Namespace, fresh, { onConflictFields: ['name'], onConflictAction: 'ignore' });
    return await tx.findOneOrFail(Namespace, { name });
  }
}
