import type { InferEntity } from '@mikro-orm/core';
import type { Kysely } from 'kysely';
import { AuditEvent } from '../audit/audit-event.entity.ts';
import { AuditOutcome } from '../audit/audit-outcome.entity.ts';
import type { Build } from '../build/build.entity.ts';
import { Build as BuildEntity } from '../build/build.entity.ts';
import { BuildEvent } from '../build/build-event.entity.ts';
import { BuildLogBatch } from '../build/log/build-log.entity.ts';
import { BuildSecret } from '../build/request/build-secret.entity.ts';
import { BuildToken } from '../build/request/build-token.entity.ts';
import { ImageDependency } from '../image/dependency/image-dependency.entity.ts';
import type { Image } from '../image/image.entity.ts';
import { Image as ImageEntity } from '../image/image.entity.ts';
import type { Namespace } from '../namespace/namespace.entity.ts';
import { Namespace as NamespaceEntity, NamespaceMember } from '../namespace/namespace.entity.ts';
import type { Role } from '../shared/enums.ts';
import type { Row } from '../shared/row.ts';
import { type AccessToken, AccessToken as AccessTokenEntity } from '../user/access-token.entity.ts';
import { RoleVersion } from '../user/role-version.entity.ts';
import { type User, User as UserEntity } from '../user/user.entity.ts';
import type { Workspace } from '../workspace/workspace.entity.ts';
import { Workspace as WorkspaceEntity, WorkspaceMember } from '../workspace/workspace.entity.ts';

/** Every entity of the database; the one place in the platform that knows the features' tables. */
export const ENTITIES = [
  UserEntity,
  RoleVersion,
  AccessTokenEntity,
  NamespaceEntity,
  NamespaceMember,
  WorkspaceEntity,
  WorkspaceMember,
  ImageEntity,
  ImageDependency,
  BuildEntity,
  BuildEvent,
  BuildLogBatch,
  BuildSecret,
  BuildToken,
  AuditEvent,
  AuditOutcome,
] as const;

/** The tables as the query builder sees them: entity and property names, plain rows. */
export interface Tables {
  User: Row<User>;
  RoleVersion: { userId: string; version: string };
  AccessToken: Row<AccessToken>;
  Namespace: Row<Namespace>;
  NamespaceMember: { namespaceId: string; userId: string; role: Role };
  Workspace: Row<Workspace>;
  WorkspaceMember: { workspaceId: string; userId: string; role: Role };
  Image: Row<Image>;
  ImageDependency: Row<InferEntity<typeof ImageDependency>>;
  Build: Row<Build>;
  BuildEvent: Row<InferEntity<typeof BuildEvent>>;
  BuildLogBatch: Row<InferEntity<typeof BuildLogBatch>>;
  BuildSecret: Row<InferEntity<typeof BuildSecret>>;
  BuildToken: Row<InferEntity<typeof BuildToken>>;
  AuditEvent: Row<InferEntity<typeof AuditEvent>>;
  AuditOutcome: Row<InferEntity<typeof AuditOutcome>>;
}

/** Typed SQL for reads: rows, not entities. */
export type Db = Kysely<Tables>;
