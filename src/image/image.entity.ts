import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { TextArray } from '../db/text-array.ts';
import { Namespace } from '../namespace/namespace.entity.ts';
import type {
  Architecture,
  DevService,
  FlavorType,
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
import type {
  Algorithm,
  ImageContent,
  ImageParameter,
  ImageRuntime,
  Label,
} from './content/image-content.ts';
import { searchGramsOf, searchTextOf } from './filter/image-search.rules.ts';

export interface ImageLayer {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly mediaType: string;
}

/** Which edit changed a part of an image last: the image's version after it, and its time in RFC 3339. */
export interface LastChange {
  readonly version: number;
  readonly at: string;
}
/** What can be edited of an image, besides what people say about it. */
export type EditableField =
  | keyof ImageContent
  | 'reference'
  | 'namespace'
  | 'workspace'
  | 'name'
  | 'tag'
  | 'origin'
  | 'dependencies'
  | 'status';

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
    // Collation "C", so that the order is the same on every server.
    { name: 'image_by_name', expression: 'create index "image_by_name" on "image" ((name collate "C"), id)' },
    // By the index above, a page of a namespace that has one image of fifty takes 1,000 images.
    {
      name: 'image_by_name_in_namespace',
      expression:
        'create index "image_by_name_in_namespace" on "image" (namespace_id, (name collate "C"), id)',
    },
    {
      name: 'image_by_size',
      expression: 'create index "image_by_size" on "image" ((coalesce(size_bytes, -1)::float8), id)',
    },
    // Whom an image counts for, and whether it holds its name: a count reads 8 MB of it for a million images, and 2 GB of the table
    // without it.
    {
      name: 'image_counted',
      properties: ['namespaceId', 'workspaceId', 'visibility', 'status', 'replacesId'],
    },
    // What a scope's images take, which each new image of one with a limit waits for: 20,000 in 60 ms, and in up to 3 s from the table.
    {
      name: 'image_stored',
      properties: ['namespaceId', 'workspaceId', 'registryHost', 'status', 'sizeBytes'],
    },
    { name: 'image_repository', properties: ['repository', 'registryHost'] },
    // Rows that are new to a GIN index wait in a list that every look-up reads. With its usual 4 MB, PostgreSQL would rather
    // walk the whole table; with no list, 10,000 new images take 40 s to write instead of 6.
    {
      // For terms of three characters or more.
      name: 'image_search_text',
      expression:
        'create index "image_search_text" on "image" using gin (search_text gin_trgm_ops) with (gin_pending_list_limit = 1024)',
    },
    {
      // For terms of one or two characters, which have no trigram, and for letters of which not every server takes trigrams.
      name: 'image_search_grams',
      expression:
        'create index "image_search_grams" on "image" using gin (search_grams) with (gin_pending_list_limit = 1024)',
    },
    {
      name: 'image_labels',
      expression:
        'create index "image_labels" on "image" using gin (labels jsonb_path_ops) with (gin_pending_list_limit = 1024)',
    },
    {
      name: 'image_resource_categories',
      expression:
        'create index "image_resource_categories" on "image" using gin (resource_categories) with (gin_pending_list_limit = 1024)',
    },
    { name: 'image_newest_in_workspace', properties: ['workspaceId', 'createdAt', 'id'] },
    { name: 'image_newest_public', properties: ['createdAt', 'id'], where: "visibility = 'PUBLIC'" },
    // What others see of a namespace: 1 MB for a million images of which 2 % are public.
    {
      name: 'image_newest_public_in_namespace',
      properties: ['namespaceId', 'createdAt', 'id'],
      where: "visibility = 'PUBLIC'",
    },
    // For what few images have: walking all of them from the newest takes 0.2 s at 100,000.
    { name: 'image_newest_built_in', properties: ['createdAt', 'id'], where: "type = 'BUILD_IN'" },
    {
      name: 'image_newest_not_active',
      properties: ['createdAt', 'id'],
      where: "status <> 'ACTIVE' and status <> 'DELETED'",
    },
    { name: 'image_newest_in_group', properties: ['group', 'createdAt', 'id'] },
    { name: 'image_newest_of_tag', properties: ['tag', 'createdAt', 'id'] },
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
    /** `group` in the API; that is a word of SQL's own. */
    group: p.text().name('work_group').strictNullable(),
    flavorType: p.string().$type<FlavorType>().strictNullable(),
    price: p.decimal('string').columnType('numeric').strictNullable(),
    cover: p.text().strictNullable(),
    runtime: p.json().$type<ImageRuntime>(),
    inputs: p.json().$type<readonly ImageParameter[]>(),
    outputs: p.json().$type<readonly ImageParameter[]>(),
    configs: p.json().$type<readonly ImageParameter[]>(),
    algorithm: p.json().$type<Algorithm>().strictNullable(),
    /** Rises by one with each edit. */
    version: p.integer(),
    /** When each part was edited last; parts that never were are absent. */
    lastChanges: p.json().$type<Readonly<Partial<Record<EditableField, LastChange>>>>(),
    /** The status that a restored image goes back to; `null` while it is not deleted. */
    statusBefore: p.string().$type<ImageStatus>().strictNullable(),
    /** What a search looks through: see {@link searchTextOf}. Written with every change; never read as a value. */
    searchText: p.text().lazy().onCreate(searchTextOf).onUpdate(searchTextOf),
    searchGrams: p.type(TextArray).lazy().onCreate(searchGramsOf).onUpdate(searchGramsOf),
    sourceBuildId: p.uuid().strictNullable(),
    sourceNotebookId: p.uuid().strictNullable(),
    /** The image that the notebook ran which it was saved from. */
    sourceImageId: p.uuid().strictNullable(),
    /** The image whose name this one takes over when it becomes ACTIVE; null otherwise. */
    replacesId: p.uuid().strictNullable(),
    createdById: () =>
      p.manyToOne(User).mapToPk().name('created_by_id').strictNullable().deleteRule('set null'),
    createdAt: p.datetime(3),
    updatedAt: p.datetime(3),
    deletedAt: p.datetime(3).strictNullable(),
  },
});
export type Image = Omit<Row<InferEntity<typeof Image>>, 'searchText' | 'searchGrams'>;
