import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Role } from '../shared/enums.ts';
import type { Row } from '../shared/row.ts';
import { versionsRoles } from '../user/role-version.entity.ts';
import { User } from '../user/user.entity.ts';

/** Who owns images: the first segment of a built image's path in the registry, and the scope of rights. */
export const Namespace = defineEntity({
  name: 'Namespace',
  tableName: 'namespace',
  properties: {
    id: p.uuid().primary(),
    name: p.string().unique('namespace_name'),
    displayName: p.text().strictNullable(),
    description: p.text().strictNullable(),
    /** How many live images it may have; `null`: any number. So with the other limits. */
    imageLimit: p.integer().strictNullable(),
    storageLimitBytes: p.bigint('number').strictNullable(),
    /** How many unfinished builds it may have. */
    buildLimit: p.integer().strictNullable(),
    createdAt: p.datetime(3),
    updatedAt: p.datetime(3),
  },
});
export type Namespace = Row<InferEntity<typeof Namespace>>;

/** A user's role on a namespace. */
export const NamespaceMember = defineEntity({
  name: 'NamespaceMember',
  tableName: 'namespace_member',
  triggers: [versionsRoles('namespace_member')],
  properties: {
    namespaceId: () => p.manyToOne(Namespace).mapToPk().name('namespace_id').primary().deleteRule('cascade'),
    userId: () =>
      p
        .manyToOne(User)
        .mapToPk()
        .name('user_id')
        .primary()
        .deleteRule('cascade')
        .index('namespace_member_user'),
    role: p.string().$type<Role>(),
  },
});
