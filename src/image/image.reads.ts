import type { Session } from '../auth/session.ts';
import { columnsOf } from '../db/columns.ts';
import { type Parents, readPages } from '../db/keyset-page.ts';
import { type KeysetOrder, keysetCondition, keysetOrder } from '../db/keyset-query.ts';
import { type PlainSql, plainSql } from '../db/plain-sql.ts';
import type { Reads } from '../db/read-connections.ts';
import type { Db } from '../db/tables.ts';
import type { Page, PageArgs, Place } from '../shared/keyset.ts';
import { columnsFor, type Selection } from '../shared/selection.ts';
import { dependingOn, liveImages, readableImages, wantedImages } from './filter/image-filter.reads.ts';
import type { ImageCriteria } from './filter/image-filter.rules.ts';
import type { Image } from './image.entity.ts';

/**
 * An image as it is read for the API: a row, not an entity, and without what no field shows. One that is read for a selection has no
 * more than {@link imageColumns} of it.
 */
export interface ImageRow extends Omit<Image, 'replacesId' | 'lastChanges' | 'statusBefore'> {
  /** Tells the values of fields that were read together with it, see {@link ImageJoin}. */
  readonly joined?: { fieldOf(image: ImageRow, field: string): unknown };
}
type Column = Exclude<keyof ImageRow, 'joined'>;

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
  'sourceImageId',
  'createdById',
  'createdAt',
  'updatedAt',
  'deletedAt',
] as const satisfies readonly Column[];

export const COLUMN_NAMES = { group: 'work_group' };

/** What the fields are made from that are no columns themselves. */
const BEHIND = {
  uid: ['id'],
  namespace: ['namespaceId'],
  workspace: ['workspaceId'],
  createdBy: ['createdById'],
  sourceImage: ['sourceImageId'],
  sourceBuild: ['sourceBuildId'],
  builds: ['id'],
  dependencies: ['id'],
  dependents: ['id'],
  viewerPermissions: ['type', 'status', 'namespaceId'],
} as const satisfies Record<string, readonly Column[]>;

/** The columns that an image's fields take, its id among them. */
export const imageColumns: (image: Selection) => readonly Column[] = columnsFor(COLUMNS, BEHIND);

/** What has a list of images of its own: by a column of theirs that names it, or because they depend on it. */
export type ImageParent = 'namespaceId' | 'workspaceId' | 'sourceNotebookId' | 'dependsOn';

export type ImageOrderField = 'CREATED_AT' | 'UPDATED_AT' | 'NAME' | 'SIZE';
export interface ImageSorting {
  readonly field: ImageOrderField;
  readonly direction: 'ASC' | 'DESC';
}

/** When an image belongs to one of `parent.id`. */
const BELONGS = {
  namespaceId: plainSql<boolean>`image.namespace_id = parent.id`,
  workspaceId: plainSql<boolean>`image.workspace_id = parent.id`,
  sourceNotebookId: plainSql<boolean>`image.source_notebook_id = parent.id`,
  dependsOn: plainSql<boolean>`${liveImages()} and ${dependingOn(plainSql`parent.id`)}`,
} as const satisfies Record<ImageParent, PlainSql<boolean>>;

export const ORDERS = {
  CREATED_AT: { by: plainSql`image.created_at`, type: 'timestamptz' },
  UPDATED_AT: { by: plainSql`image.updated_at`, type: 'timestamptz' },
  // As the index has it: the same order on every server.
  NAME: { by: plainSql`image.name collate "C"`, type: 'text' },
  // What has no size yet counts as the smallest.
  SIZE: { by: plainSql`coalesce(image.size_bytes, -1)::float8`, type: 'float8' },
} as const satisfies Record<ImageOrderField, Pick<KeysetOrder, 'by' | 'type'>>;

/** The column behind each order. */
export const SORTED_BY = {
  CREATED_AT: 'createdAt',
  UPDATED_AT: 'updatedAt',
  NAME: 'name',
  SIZE: 'sizeBytes',
} as const satisfies Record<ImageOrderField, Column>;

export function placeOf(row: ImageRow, field: ImageOrderField): Place {
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
    rows: db.selectFrom('Image as image').select(COLUMNS).where(wantedImages(session, criteria)),
    order: { ...ORDERS[field], id: plainSql`image.id`, direction },
    placeOf: (row: ImageRow) => placeOf(row, field),
  };
}

/** A page of each parent's images. */
export function pagesOfImages(
  db: Db,
  session: Session,
  parents: Parents<ImageParent>,
  criteria: ImageCriteria,
  sorting: ImageSorting,
  args: PageArgs,
): ReadonlyMap<string, Page<ImageRow>> {
  const list = listOf(db, session, criteria, sorting);
  return readPages(db, list, BELONGS[parents.relation], parents.ids, args);
}

/** Columns of the images of these ids that the viewer may read, deleted ones among them. */
export function readImages(
  reads: Reads,
  session: Session,
  ids: readonly string[],
  columns: readonly Column[] = COLUMNS,
): Promise<readonly ImageRow[]> {
  return reads.short(plainSql<ImageRow>`select ${columnsOf('image', columns, COLUMN_NAMES)} from image
    where image.id = any(${[...ids]}::uuid[]) and ${readableImages(session)}`);
}

/** The same inside a transaction, whole. */
export async function imagesByIds(db: Db, session: Session, ids: readonly string[]): Promise<ImageRow[]> {
  return await db
    .selectFrom('Image as image')
    .select(COLUMNS)
    .where(readableImages(session))
    .where(plainSql<boolean>`image.id = any(${[...ids]}::uuid[])`)
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
    .where(liveImages())
    .where(plainSql<boolean>`image.namespace_id = (select id from namespace where name = ${name.namespace})
      and image.name = ${name.name} and image.tag = ${name.tag}`)
    .executeTakeFirst();
  return row ?? null;
}

/**
 * The images of these digests in these repositories that the viewer may read, one of each place in a registry: a live one before
 * others, the oldest of those. Deleted ones are among them.
 */
export async function imagesByDigest(
  db: Db,
  session: Session,
  repositories: readonly string[],
  digests: readonly string[],
): Promise<ImageRow[]> {
  return await db
    .selectFrom('Image as image')
    .distinctOn(['image.registryHost', 'image.repository', 'image.digest'])
    .select(COLUMNS)
    .where(readableImages(session))
    .where(
      plainSql<boolean>`image.repository = any(${[...repositories]}::text[]) and image.digest = any(${[...digests]}::text[])`,
    )
    .orderBy('image.registryHost')
    .orderBy('image.repository')
    .orderBy('image.digest')
    .orderBy(liveImages(), 'desc')
    .orderBy('image.createdAt')
    .orderBy('image.id')
    .execute();
}

/**
 * Live images that are finished, the oldest first: a piece of an export.
 *
 * @param after the last one of the piece before; `null` for the first piece
 */
export async function exportedImages(
  db: Db,
  session: Session,
  criteria: ImageCriteria,
  after: ImageRow | null,
  limit: number,
): Promise<ImageRow[]> {
  const { rows, order, placeOf } = listOf(db, session, criteria, { field: 'CREATED_AT', direction: 'ASC' });
  const window = { limit, backward: false, after: after && placeOf(after), before: null };
  return await rows
    .where(liveImages())
    .where(plainSql<boolean>`image.status in ('ACTIVE', 'ERROR')`)
    .where(keysetCondition(order, window))
    .orderBy(keysetOrder(order, window))
    .limit(limit)
    .execute();
}
