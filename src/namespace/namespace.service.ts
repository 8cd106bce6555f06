import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Session } from '../auth/session.ts';
import { insertRows } from '../db/bulk.ts';
import type { EntityManager } from '../db/orm.ts';
import type { Reads } from '../db/read-connections.ts';
import type { WriteGate } from '../db/write-gate.ts';
import { NO_LIMITS, SCOPE_NAME } from '../scope/scope.rules.ts';
import { SCOPE_COLUMNS, type Scope, ScopeService } from '../scope/scope.service.ts';
import type { ScopeContents } from '../scope/scope-contents.ts';
import type { Problems } from '../shared/problems.ts';
import type { UserService } from '../user/user.service.ts';
import { Namespace } from './namespace.entity.ts';
import { DEFAULT_NAMESPACE } from './namespace.rules.ts';

/** Namespaces and their members. */
export class NamespaceService extends ScopeService<Namespace> {
  protected override readonly columns = SCOPE_COLUMNS;

  constructor(
    em: EntityManager,
    reads: Reads,
    users: UserService,
    contents: ScopeContents,
    writes: WriteGate,
  ) {
    super(em, reads, users, 'namespace', Namespace, contents, writes);
  }

  override mayRead(session: Session, namespace: Namespace): boolean {
    return session.can('namespace:read', namespace.id);
  }

  protected override readable(ids: readonly string[]) {
    return { id: { $in: [...ids] } };
  }

  protected override make(scope: Scope): Namespace {
    return scope;
  }

  protected override isDefault({ name }: Namespace): boolean {
    return name === DEFAULT_NAMESPACE;
  }

  /** Those of these names that are names of namespaces on which the viewer has a role. */
  async readableNames(
    session: Session,
    names: readonly string[],
    em: EntityManager = this.em.fork(),
  ): Promise<ReadonlySet<string>> {
    const found = await em.find(Namespace, { name: { $in: [...new Set(names)] } });
    return new Set(found.filter((one) => this.mayRead(session, one)).map(({ name }) => name));
  }

  /**
   * The namespace that a new image is to belong to.
   *
   * @param name one that is no legal name is not looked up: who has checked it has said so
   * @param em a transaction's inside of one
   * @returns `null` if there is none of this name: what an administrator names is made with the image ({@link ensure}),
   *   for anyone else it is a problem, the same one as with a namespace that the viewer may not see
   * @throws ForbiddenError where the viewer sees it but may not make images in it
   */
  async findTarget(
    session: Session,
    name: string,
    path: readonly string[],
    problems: Problems,
    em?: EntityManager,
  ): Promise<Namespace | null> {
    if (!SCOPE_NAME.test(name)) return null;
    const namespace = await this.find(session, { name }, em);
    if (namespace !== null) session.assertCan('image:create', namespace.id);
    else if (!session.can('namespace:create')) {
      problems.add(
        'NOT_FOUND',
        path,
        `you have no role on a namespace ${name}; ask an administrator for one`,
      );
    }
    return namespace;
  }

  /** The namespace of this name, made where there is none: see {@link ensureAll}. */
  async ensure(tx: EntityManager, name: string): Promise<Namespace> {
    return (await this.ensureAll(tx, [name])).get(name) as Namespace;
  }

  /**
   * The namespaces of these names, made where there are none. For what an administrator asked for: the caller has checked.
   *
   * @returns by their names
   */
  async ensureAll(tx: EntityManager, names: readonly string[]): Promise<ReadonlyMap<string, Namespace>> {
    if (names.length === 0) return new Map();
    const now = new Date();
    // In one order everywhere: who makes the same ones at once waits for the other one, never both for each other.
    const fresh = [...new Set(names)].sort().map((name) => ({
      id: randomUUID(),
      name,
      displayName: null,
      description: null,
      ...NO_LIMITS,
      createdAt: now,
      updatedAt: now,
    }));
    const properties = Object.keys(fresh[0] ?? {}) as (keyof Namespace)[];
    await insertRows(tx, Namespace, properties, fresh, sql`on conflict (name) do nothing`);
    const found = await tx.find(Namespace, { name: { $in: fresh.map(({ name }) => name) } });
    return new Map(found.map((one) => [one.name, one]));
  }
}
