import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Namespace } from '../namespace/namespace.entity.ts';
import type {
  Architecture,
  DevService,
  ImageOrigin,
  ImageStatus,
  ImageType,
  ResourceCategory,
  ServiceType,
  Visibility,
} from '../shared/enums.ts';
import type { Row } from '../shared/row.ts';
import { User } from '../user/user.entity.ts';
import { Workspace } from '../workspace/workspace.entity.ts';

export interface ImageLayer {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly mediaType: string;
}
export interface Label {
  readonly key: string;
  readonly value: string;
}

/** A container image that the catalogue knows. */
export const Image = defineEntity({
  name: 'Image',
  tableName: 'image',
  uniques: [
    {
      // The catalogue name is free again when an image is deleted or was never made, and an image that is to replace
      // another waits beside it until it is ACTIVE.
      name: 'image_catalogue_name',
      properties: ['namespaceId', 'name', 'tag'],
      // Not `not in (…)`: the differ cannot tell PostgreSQL's wording of it from a change.
      where: "status <> 'DELETED' and status <> 'CREATE_FAILED' and replaces_id is null",
    },
  ],
  indexes: [
    { name: 'image_newest', properties: ['createdAt', 'id'] },
    { name: 'image_newest_in_namespace', properties: ['namespaceId', 'createdAt', 'id'] },
    { name: 'image_updated', properties: ['updatedAt', 'id'] },
    { name: 'image_name', properties: ['name', 'id'] },
    { name: 'image_newest_in_workspace', properties: ['workspaceId', 'createdAt', 'id'] },
    { name: 'image_newest_public', properties: ['createdAt', 'id'], where: "visibility = 'PUBLIC'" },
    {
      name: 'image_source_notebook',
      properties: ['sourceNotebookId'],
      where: 'source_notebook_id is not null',
    },
    { name: 'image_source_build', properties: ['sourceBuildId'], where: 'source_build_id is not null' },
  ],
  properties: {
    id: p.uuid().primary(),
    namespaceId: () => p.manyToOne(Namespace).mapToPk().name('namespace_id'),
    workspaceId: () => p.manyToOne(Workspace).mapToPk().name('workspace_id'),
    name: p.string().length(512),
    tag: p.string().length(128),
    displayName: p.text().strictNullable(),
    description: p.text().strictNullable(),
    /** What to pull: host/path:tag, with @digest once it is known. */
    reference: p.text(),
    registryHost: p.text(),
    repository: p.text(),
    digest: p.text().strictNullable(),
    sizeBytes: p.bigint('number').strictNullable(),
    layers: p.json().$type<readonly ImageLayer[]>(),
    architecture: p.string().$type<Architecture>().strictNullable(),
    origin: p.string().$type<ImageOrigin>(),
    type: p.string().$type<ImageType>(),
    status: p.string().$type<ImageStatus>(),
    statusMessage: p.text().strictNullable(),
    visibility: p.string().$type<Visibility>(),
    serviceType: p.string().$type<ServiceType>(),
    devServices: p.json().$type<readonly DevService[]>(),
    resourceCategories: p.json().$type<readonly ResourceCategory[]>(),
    labels: p.json().$type<readonly Label[]>(),
    sourceBuildId: p.uuid().strictNullable(),
    sourceNotebookId: p.uuid().strictNullable(),
    /** The image whose name this one takes over when it becomes ACTIVE; null otherwise. */
    replacesId: p.uuid().strictNullable(),
    createdById: () =>
      p.manyToOne(User).mapToPk().name('created_by_id').strictNullable().deleteRule('set null'),
    createdAt: p.datetime(3),
    updatedAt: p.datetime(3),
    deletedAt: p.datetime(3).strictNullable(),
  },
});
export type Image = Row<InferEntity<typeof Image>>;
