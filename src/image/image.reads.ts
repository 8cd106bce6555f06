import { type RawBuilder, sql } from 'kysely';
import type { Session } from '../auth/session.ts';
import { type Parents, readPage, readPages } from '../db/keyset-page.ts';
import type { KeysetOrder } from '../db/keyset-query.ts';
import type { Db } from '../db/tables.ts';
import type {
  Architecture,
  ImageOrigin,
  ImageStatus,
  ImageType,
  ServiceType,
  Visibility,
} from '../shared/enums.ts';
import type { Page, PageArgs, Place } from '../shared/keyset.ts';
import type { Image } from './image.entity.ts';

/** An image as it is read for the API: a row, not an entity, and without what no field shows. */
export type ImageRow = Omit<Image, 'replacesId' | 'lastChanges' | 'statusBefore'>;

const COLUMNS = [
  'id',
  'namespaceId',
  'workspaceId',
  'name',
  'tag',
  'displayName',
  'description',
  'reference',
  'registryHost',
  'repository',
  'digest',
  'sizeBytes',
  'layers',
  'architecture',
  'origin',
  'type',
  'status',
  'statusMessage',
  'visibility',
  'serviceType',
  'devServices',
  'resourceCategories',
  'labels',
  'group',
  'flavorType',
  'price',
  'cover',
  'runtime',
  'inputs',
  'outputs',
  'configs',
  'algorithm',
  'version',
  'sourceBuildId',
  'sourceNotebookId',
  'createdById',
  'createdAt',
  'updatedAt',
  'deletedAt',
] as const satisfies readonly (keyof ImageRow)[];

/** What has a list of images of its own, by the column that names it. */
export type ImageParent = 'namespaceId' | 'workspaceId' | 'sourceNotebookId';

/** Which images; ids are UUIDs. All given conditions hold at once. */
export interface ImageCriteria {
  readonly search?: string | null | undefined;
  readonly namespace?: string | null | undefined;
  readonly workspaceUid?: string | null | undefined;
  readonly status?: readonly ImageStatus[] | null | undefined;
  readonly origin?: readonly ImageOrigin[] | null | undefined;
  readonly type?: ImageType | null | undefined;
  readonly visibility?: Visibility | null | undefined;
  readonly serviceType?: readonly ServiceType[] | null | undefined;
  readonly architecture?: Architecture | null | undefined;
  readonly tag?: string | null | undefined;
  readonly createdAfter?: Date | null | undefined;
  readonly createdBefore?: Date | null | undefined;
  readonly includeDeleted?: boolean | null | undefined;
}

export type ImageOrderField = 'CREATED_AT' | 'UPDATED_AT' | 'NAME' | 'SIZE';
export interface ImageSorting {
  readonly field: ImageOrderField;
  readonly direction: 'ASC' | 'DESC';
}

/** The rows that a viewer may read, as a condition on the table `image`: the one place that says so for lists. */
export function readableImages(session: Session): RawBuilder<boolean> {
  if (session.isAdmin) return sql<boolean>`true`;
  return sql<boolean>`(image.visibility = 'PUBLIC'
    or image.namespace_id = any(${[...session.namespaceRoles.keys()]}::uuid[])
    or image.workspace_id = any(${[...session.workspaceRoles.keys()]}::uuid[]))`;
}

/** `%`, `_` and `\` stand for themselves in a search. */
const containing = (text: string) => `%${text.replace(/[\\%_]/g, (char) => `\\${char}`)}%`;

function matching(criteria: ImageCriteria): RawBuilder<boolean> {
  const conditions: RawBuilder<unknown>[] = [];
  const among = (column: string, values: readonly string[] | null | undefined) => {
    if (values) conditions.push(sql`${sql.ref(column)} = any(${[...values]}::text[])`);
  };
  const equal = (column: string, value: unknown) => {
    if (value !== null && value !== undefined) conditions.push(sql`${sql.ref(column)} = ${value}`);
  };
  if (criteria.search) {
    const pattern = containing(criteria.search);
    conditions.push(sql`(image.name ilike ${pattern} or image.display_name ilike ${pattern}
      or image.description ilike ${pattern} or image.reference ilike ${pattern})`);
  }
  if (criteria.namespace) {
    conditions.push(sql`image.namespace_id = (select id from namespace where name = ${criteria.namespace})`);
  }
  equal('image.workspace_id', criteria.workspaceUid);
  equal('image.type', criteria.type);
  equal('image.visibility', criteria.visibility);
  equal('image.architecture', criteria.architecture);
  equal('image.tag', criteria.tag);
  among('image.status', criteria.status);
  among('image.origin', criteria.origin);
  among('image.service_type', criteria.serviceType);
  if (criteria.createdAfter) conditions.push(sql`image.created_at > ${criteria.createdAfter}`);
  if (criteria.createdBefore) conditions.push(sql`image.created_at < ${criteria.createdBefore}`);
  if (criteria.includeDeleted !== true && !criteria.status?.includes('DELETED')) {
    conditions.push(sql`image.status <> 'DELETED'`);
  }
  return conditions.length === 0 ? sql<boolean>`true` : sql<boolean>`${sql.join(conditions, sql` and `)}`;
}

const ORDERS = {
  CREATED_AT: { by: sql`image.created_at`, type: 'timestamptz' },
  UPDATED_AT: { by: sql`image.updated_at`, type: 'timestamptz' },
  NAME: { by: sql`image.name`, type: 'text' },
  // What has no size yet counts as the smallest.
  SIZE: { by: sql`coalesce(image.size_bytes, -1)::float8`, type: 'float8' },
} as const satisfies Record<ImageOrderField, Pick<KeysetOrder, 'by' | 'type'>>;

function placeOf(row: ImageRow, field: ImageOrderField): Place {
  switch (field) {
    case 'CREATED_AT':
      return { value: row.createdAt.toISOString(), id: row.id };
    case 'UPDATED_AT':
      return { value: row.updatedAt.toISOString(), id: row.id };
    case 'NAME':
      return { value: row.name, id: row.id };
    case 'SIZE':
      return { value: row.sizeBytes ?? -1, id: row.id };
  }
}

function listOf(db: Db, session: Session, criteria: ImageCriteria, { field, direction }: ImageSorting) {
  return {
    name: `images ${field} ${direction}`,
    alias: 'image',
    rows: db
      .selectFrom('Image as image')
      .select(COLUMNS)
      .where(readableImages(session))
      .where(matching(criteria)),
    order: { ...ORDERS[field], id: sql`image.id`, direction },
    placeOf: (row: ImageRow) => placeOf(row, field),
  };
}

export async function pageOfImages(
  db: Db,
  session: Session,
  criteria: ImageCriteria,
  sorting: ImageSorting,
  args: PageArgs,
): Promise<Page<ImageRow>> {
  return await readPage(listOf(db, session, criteria, sorting), args);
}

/** A page of each parent's images. */
export async function pagesOfImages(
  db: Db,
  session: Session,
  parents: Parents<ImageParent>,
  criteria: ImageCriteria,
  sorting: ImageSorting,
  args: PageArgs,
): Promise<ReadonlyMap<string, Page<ImageRow>>> {
  return await readPages(db, listOf(db, session, criteria, sorting), parents, args);
}

/** The images of these ids that the viewer may read, deleted ones among them. */
export async function imagesByIds(db: Db, session: Session, ids: readonly string[]): Promise<ImageRow[]> {
  return await db
    .selectFrom('Image as image')
    .select(COLUMNS)
    .where(readableImages(session))
    .where(sql<boolean>`image.id = any(${[...ids]}::uuid[])`)
    .execute();
}

/** The live image of a catalogue name, if the viewer may read it. */
export async function imageByName(
  db: Db,
  session: Session,
  name: { readonly namespace: string; readonly name: string; readonly tag: string },
): Promise<ImageRow | null> {
  const row = await db
    .selectFrom('Image as image')
    .select(COLUMNS)
    .where(readableImages(session))
    .where(sql<boolean>`image.namespace_id = (select id from namespace where name = ${name.namespace})
      and image.name = ${name.name} and image.tag = ${name.tag}
      and image.status not in ('DELETED', 'CREATE_FAILED') and image.replaces_id is null`)
    .executeTakeFirst();
  return row ?? null;
}
