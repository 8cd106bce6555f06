import { sql } from 'kysely';
import type { Session } from '../auth/session.ts';
import { type Parents, readPage, readPages } from '../db/keyset-page.ts';
import type { KeysetOrder } from '../db/keyset-query.ts';
import { type PlainSql, plainSql } from '../db/plain-sql.ts';
import type { Db } from '../db/tables.ts';
import { ofReadableScopes } from '../scope/readable-scopes.ts';
import type { ImageBuildKind, ImageBuildStatus } from '../shared/enums.ts';
import type { Page, PageArgs } from '../shared/keyset.ts';
import { columnsFor, type Selection } from '../shared/selection.ts';
import type { Build } from './build.entity.ts';
import { type BuildState, withState } from './build.rules.ts';

/** A build as it is read for the API: without what no field shows, and without its Dockerfile, which may have 1 MiB. */
export type BuildRow = Omit<Build, 'dockerfile' | 'source' | 'lostWorkers'>;

export const BUILD_COLUMNS = [
  'id',
  'kind',
  'status',
  'version',
  'phase',
  'phases',
  'failure',
  'steps',
  'totalSteps',
  'attempt',
  'workspaceId',
  'namespaceId',
  'imageId',
  'targetName',
  'targetTag',
  'targetReference',
  'targetDescription',
  'targetLabels',
  'buildType',
  'notebookId',
  'containerId',
  'pause',
  'notebook',
  'notebookHeldSince',
  'notebookPausedMs',
  'visibility',
  'overwriteTag',
  'timeoutMs',
  'jobName',
  'jobId',
  'priority',
  'resource',
  'network',
  'targetRegistry',
  'regionId',
  'retryOfId',
  'builder',
  'push',
  'logLineCount',
  'logBytes',
  'logTextBytes',
  'logDeletedAt',
  'createdById',
  'createdAt',
  'queuedAt',
  'startedAt',
  'finishedAt',
  'canceledById',
  'cancelReason',
] as const satisfies readonly (keyof BuildRow)[];

/** What the fields are made from that are no columns themselves, or need more than the column of their name. */
const BEHIND = {
  uid: ['id'],
  target: ['targetName', 'targetTag', 'targetReference', 'targetDescription', 'targetLabels'],
  notebook: ['notebook', 'notebookId', 'containerId', 'pause', 'notebookHeldSince', 'notebookPausedMs'],
  queue: ['id', 'status'],
  timeoutSeconds: ['timeoutMs'],
  durationMs: ['startedAt', 'finishedAt'],
  workspace: ['workspaceId'],
  namespace: ['namespaceId'],
  image: ['imageId'],
  createdBy: ['createdById'],
  retryOf: ['retryOfId'],
  retries: ['id'],
  canceledBy: ['canceledById'],
} as const satisfies Record<string, readonly (keyof BuildRow)[]>;

/** The columns that a build's fields take, its id among them. */
export const buildColumns: (build: Selection) => readonly (keyof BuildRow)[] = columnsFor(
  BUILD_COLUMNS,
  BEHIND,
);

/** What has a list of builds of its own, by the column that names it. */
export type BuildParent = 'imageId' | 'workspaceId';

/** Which builds; ids are UUIDs. All given conditions hold at once. */
export interface BuildCriteria {
  readonly workspaceUid?: string | null | undefined;
  readonly namespace?: string | null | undefined;
  readonly imageUid?: string | null | undefined;
  readonly kind?: readonly ImageBuildKind[] | null | undefined;
  readonly status?: readonly ImageBuildStatus[] | null | undefined;
  readonly createdAfter?: Date | null | undefined;
  readonly createdBefore?: Date | null | undefined;
}

export type BuildOrderField = 'CREATED_AT';
export interface BuildSorting {
  readonly field: BuildOrderField;
  readonly direction: 'ASC' | 'DESC';
}

/** The rows that a viewer may read, as a condition on the table `build`: the one place that says so. */
export const readableBuilds = (session: Session): PlainSql<boolean> => ofReadableScopes(session, 'build');

function matching(criteria: BuildCriteria): PlainSql<boolean> {
  const conditions: PlainSql<unknown>[] = [];
  if (criteria.workspaceUid) conditions.push(plainSql`build.workspace_id = ${criteria.workspaceUid}`);
  if (criteria.namespace) {
    conditions.push(
      plainSql`build.namespace_id = (select id from namespace where name = ${criteria.namespace})`,
    );
  }
  if (criteria.imageUid) conditions.push(plainSql`build.image_id = ${criteria.imageUid}`);
  if (criteria.kind) conditions.push(among('kind', criteria.kind));
  if (criteria.status) conditions.push(among('status', criteria.status));
  if (criteria.createdAfter) conditions.push(plainSql`build.created_at > ${criteria.createdAfter}`);
  if (criteria.createdBefore) conditions.push(plainSql`build.created_at < ${criteria.createdBefore}`);
  return plainSql.all(conditions);
}

/** A single value by `=`: an index is read in its own order only for that. */
function among(column: 'kind' | 'status', values: readonly string[]): PlainSql<boolean> {
  const [only, ...others] = new Set(values);
  const of = plainSql.raw(`build.${column}`);
  return only !== undefined && others.length === 0
    ? plainSql<boolean>`${of} = ${only}`
    : plainSql<boolean>`${of} = any(${[...values]}::text[])`;
}

function listOf(db: Db, session: Session, criteria: BuildCriteria, { field, direction }: BuildSorting) {
  const order: KeysetOrder = {
    by: plainSql`build.created_at`,
    id: plainSql`build.id`,
    type: 'timestamptz',
    direction,
  };
  return {
    name: `builds ${field} ${direction}`,
    alias: 'build',
    rows: db
      .selectFrom('Build as build')
      .select(BUILD_COLUMNS)
      .where(readableBuilds(session))
      .where(matching(criteria)),
    order,
    placeOf: (row: BuildRow) => ({ value: row.createdAt.toISOString(), id: row.id }),
  };
}

export function pageOfBuilds(
  db: Db,
  session: Session,
  criteria: BuildCriteria,
  sorting: BuildSorting,
  args: PageArgs,
): Page<BuildRow> {
  return readPage(listOf(db, session, criteria, sorting), args);
}

/** A page of each parent's builds. */
export function pagesOfBuilds(
  db: Db,
  session: Session,
  parents: Parents<BuildParent>,
  criteria: BuildCriteria,
  sorting: BuildSorting,
  args: PageArgs,
): ReadonlyMap<string, Page<BuildRow>> {
  const belongs = sql<boolean>`${sql.ref(`build.${parents.relation}`)} = parent.id`;
  return readPages(db, listOf(db, session, criteria, sorting), belongs, parents.ids, args);
}

/** The builds of these ids that the viewer may read. */
export async function buildsByIds(db: Db, session: Session, ids: readonly string[]): Promise<BuildRow[]> {
  return await db
    .selectFrom('Build as build')
    .select(BUILD_COLUMNS)
    .where(readableBuilds(session))
    .where(sql<boolean>`build.id = any(${[...ids]}::uuid[])`)
    .execute();
}

/** The builds of these ids, whoever may read them. */
export async function buildRows(db: Db, ids: readonly string[]): Promise<BuildRow[]> {
  return await db
    .selectFrom('Build')
    .select(BUILD_COLUMNS)
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .execute();
}

/** What a build is made from; nulls for a notebook's. @throws Error where there is no such build */
export async function buildSource(db: Db, id: string): Promise<Pick<Build, 'dockerfile' | 'source'>> {
  return await db
    .selectFrom('Build')
    .select(['dockerfile', 'source'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
}

/** The Dockerfiles of these builds, by the build's id, whoever may read them. */
export async function dockerfilesOf(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom('Build')
    .select(['id', 'dockerfile'])
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .where('dockerfile', 'is not', null)
    .execute();
  return new Map(rows.map(({ id, dockerfile }) => [id, dockerfile as string]));
}

/** A build as it was at each version after `afterVersion`, in order. */
export async function buildVersions(
  db: Db,
  build: BuildRow,
  afterVersion: number,
): Promise<{ version: number; at: Date; build: BuildRow }[]> {
  const events = await db
    .selectFrom('BuildEvent')
    .select(['version', 'at', 'state'])
    .where('buildId', '=', build.id)
    .where('version', '>', afterVersion)
    .orderBy('version')
    .limit(200)
    .execute();
  return events.map(({ version, at, state }) => ({
    version,
    at,
    build: withState(build, state as BuildState, version),
  }));
}

/** As many retries as anybody looks at. */
const MAX_RETRIES = 100;

/** The builds that tried these once more, newest first, at most 100 of each. */
export async function retriesOf(db: Db, session: Session, ids: readonly string[]): Promise<BuildRow[]> {
  return await db
    .selectFrom(
      db
        .selectFrom('Build as build')
        .select(BUILD_COLUMNS.map((column) => `build.${column}` as const))
        .select(
          sql<number>`row_number() over (partition by build.retry_of_id order by build.created_at desc, build.id)`.as(
            'place',
          ),
        )
        .where('build.retryOfId', 'in', ids)
        .where(readableBuilds(session))
        .as('retry'),
    )
    .select(BUILD_COLUMNS)
    .where('place', '<=', MAX_RETRIES)
    .orderBy('createdAt', 'desc')
    .execute();
}
