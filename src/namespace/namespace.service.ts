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
import { Namespace, NamespaceMember } from './namespace.entity.ts';
import { NAMESPACE_NAME } from './namespace.rules.ts';

export interface NamespaceInput {
  readonly name: string;
  readonly displayName?: string | null | undefined;
  readonly description?: string | null | undefined;
}

/** Namespaces and their members. */
export class NamespaceService {
  constructor(
    private readonly em: EntityManager,
    private readonly users: UserService,
  ) {}

  /** By id, whoever asks: a public image shows the name of its namespace to everyone. */
  async byIds(ids: readonly string[]): Promise<Namespace[]> {
    return await kysely(this.em.fork()).selectFrom('Namespace').selectAll().where('id', 'in', ids).execute();
  }

  /** The namespace, if it exists and the viewer may see it. */
  async find(
    session: Session,
    by: { readonly id: string } | { readonly name: string },
  ): Promise<Namespace | null> {
    const found = await this.em.fork().findOne(Namespace, by);
    return found !== null && session.can('namespace:read', found.id) ? found : null;
  }

  /** The namespaces that the viewer may see, by name. */
  async page(session: Session, args: PageArgs): Promise<Page<Namespace>> {
    const window = readWindow('namespaces', args);
    const order = { by: sql.ref('name'), id: sql.ref('id'), direction: 'ASC', type: 'text' } as const;
    const visible = kysely(this.em.fork())
      .selectFrom('Namespace')
      .where(
        session.isAdmin
          ? sql<boolean>`true`
          : sql<boolean>`id = any(${[...session.namespaceRoles.keys()]}::uuid[])`,
      );
    const rows = await visible
      .selectAll()
      .where(keysetCondition(order, window))
      .orderBy(keysetOrder(order, window))
      .limit(window.limit + 1)
      .execute();
    return toPage(
      'namespaces',
      window,
      rows,
      (row) => ({ value: row.name, id: row.id }),
      async () =>
        Number((await visible.select((eb) => eb.fn.countAll().as('count')).executeTakeFirstOrThrow()).count),
    );
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

  /** The members of those of these namespaces that the viewer may read, by the namespace's id. */
  async members(
    session: Session,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, { readonly userId: string; readonly role: Role }[]>> {
    const readable = ids.filter((id) => session.can('namespace:read', id));
    if (readable.length === 0) return new Map();
    const rows = await kysely(this.em.fork())
      .selectFrom('NamespaceMember')
      .select(['namespaceId', 'userId', 'role'])
      .where('namespaceId', 'in', readable)
      .orderBy('userId')
      .execute();
    return Map.groupBy(rows, (row) => row.namespaceId);
  }

  /** Makes a namespace. Administrators only. */
  async create(session: Session, input: NamespaceInput): Promise<Namespace> {
    session.assertAdmin();
    const problems = new Problems();
    if (!NAMESPACE_NAME.test(input.name)) {
      problems.add(
        'PATTERN',
        ['name'],
        'a lower-case letter, then at most 63 letters, digits, hyphens, underscores or dots',
        {
          pattern: NAMESPACE_NAME.source,
        },
      );
    }
    checkText(problems, ['displayName'], input.displayName, MAX_DISPLAY_NAME);
    checkText(problems, ['description'], input.description, MAX_DESCRIPTION);
    problems.refuseIfAny();
    const now = new Date();
    try {
      const em = this.em.fork();
      const namespace = em.create(Namespace, {
        id: randomUUID(),
        name: input.name,
        displayName: input.displayName ?? null,
        description: input.description ?? null,
        createdAt: now,
        updatedAt: now,
      });
      await em.flush();
      return namespace;
    } catch (error) {
      if (isTaken(error, 'namespace_name'))
        refuse('NAME_TAKEN', ['name'], `the namespace ${input.name} exists already`);
      throw error;
    }
  }

  /** Gives a user a role on a namespace, or takes it away where `role` is null. The user is made on first sight. */
  async setMember(
    session: Session,
    id: string | null,
    userName: string,
    role: Role | null,
  ): Promise<Namespace> {
    const namespace = id === null ? null : await this.find(session, { id });
    if (namespace === null) return refuse('NOT_FOUND', ['namespaceId'], 'there is no such namespace');
    session.assertCan('namespace:manage', namespace.id);
    await this.em.fork().transactional(async (em) => {
      const user = await this.users.ensure(em, userName, ['userName']);
      const member = { namespaceId: namespace.id, userId: user.id };
      if (role === null) await em.nativeDelete(NamespaceMember, member);
      else await em.upsert(NamespaceMember, { ...member, role });
    });
    return namespace;
  }
}
