import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Role } from '../shared/enums.ts';
import type { Row } from '../shared/row.ts';
import { versionsRoles } from '../user/role-version.entity.ts';
import { User } from '../user/user.entity.ts';

/** Where people work: notebooks and builds belong to one. */
export const Workspace = defineEntity({
  name: 'Workspace',
  tableName: 'workspace',
  uniques: [
    // At most one default workspace.
    { name: 'workspace_default', properties: ['isDefault'], where: 'is_default' },
  ],
  properties: {
    id: p.uuid().primary(),
    name: p.string().unique('workspace_name'),
    displayName: p.text().strictNullable(),
    description: p.text().strictNullable(),
    isDefault: p.boolean(),
    /** How many live images it may have; `null`: any number. So with the other limits. */
    imageLimit: p.integer().strictNullable(),
    storageLimitBytes: p.bigint('number').strictNullable(),
    /** How many unfinished builds it may have. */
    buildLimit: p.integer().strictNullable(),
    createdAt: p.datetime(3),
    updatedAt: p.datetime(3),
  },
});
export type Workspace = Row<InferEntity<typeof Workspace>>;

/** A user's role on a workspace. */
export const WorkspaceMember = defineEntity({
  name: 'WorkspaceMember',
  tableName: 'workspace_member',
  triggers: [versionsRoles('workspace_member')],
  properties: {
    workspaceId: () => p.manyToOne(Workspace).mapToPk().name('workspace_id').primary().deleteRule('cascade'),
    userId: () =>
      p
        .manyToOne(User)
        .mapToPk()
        .name('user_id')
        .primary()
        .deleteRule('cascade')
        .index('workspace_member_user'),
    role: p.string().$type<Role>(),
  },
});
