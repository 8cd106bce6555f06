import type { Session } from '../../auth/session.ts';
import { type PlainSql, plainSql } from '../../db/plain-sql.ts';
import type { Reads } from '../../db/read-connections.ts';
import { ofReadableScopes } from '../../scope/readable-scopes.ts';
import type { Visibility } from '../../shared/enums.ts';
import { NO_SUCH_UID } from '../../shared/global-id.ts';
import { type ImageCriteria, type LabelCriterion, reachesDeleted } from './image-filter.rules.ts';
import type { Search } from './image-search.rules.ts';

// Conditions on the table `image`, under the name that a statement gives it.

type Condition = PlainSql<boolean>;

/** The rows that a viewer may read: the one place that says so. */
export function readableImages(session: Session, alias = 'image'): Condition {
  return plainSql<boolean>`(${plainSql.raw(alias)}.visibility = 'PUBLIC' or ${ofReadableScopes(session, alias)})`;
}

/** The rows that hold their catalogue name: neither deleted nor failed, nor still waiting beside the image that they replace. */
export function liveImages(alias = 'image'): Condition {
  const image = plainSql.raw(alias);
  return plainSql<boolean>`(${image}.status not in ('DELETED', 'CREATE_FAILED') and ${image}.replaces_id is null)`;
}

/** The rows that depend on the catalogue name which the image of an id has or had; no row depends on itself here. */
export function dependingOn(id: PlainSql<unknown>): Condition {
  return plainSql<boolean>`(image.id <> ${id} and image.id in (
    select dependency.image_id from image target
      join namespace on namespace.id = target.namespace_id
      join image_dependency dependency on dependency.namespace = namespace.name
        and dependency.name = target.name and dependency.tag = target.tag
      where target.id = ${id}))`;
}

/** The rows that a filter names and that the viewer may read. */
export function wantedImages(session: Session, criteria: ImageCriteria): Condition {
  return plainSql.all([
    readableOf(session, criteria.visibility),
    conditionOf(session, criteria),
    ...(reachesDeleted(criteria) ? [] : [plainSql<boolean>`image.status <> 'DELETED'`]),
  ]);
}

/**
 * {@link readableImages} of the visibility that is asked for: rights that do not matter then are left out. PostgreSQL takes two conditions
 * on it for independent ones, thinks that many private images are read for being public, and walks through a million for thirty.
 */
function readableOf(session: Session, visibility: Visibility | null | undefined): Condition {
  if (visibility === 'PUBLIC') return plainSql<boolean>`image.visibility = 'PUBLIC'`;
  return visibility === 'PRIVATE' ? ofReadableScopes(session, 'image') : readableImages(session);
}

/**
 * The same criteria, with the namespace by its id: from that, PostgreSQL tells how many images it has, and from its name nothing. In
 * filters within the filter, names stay.
 */
export async function withNamespaceId(reads: Reads, criteria: ImageCriteria): Promise<ImageCriteria> {
  const { namespace, ...others } = criteria;
  if (!namespace) return criteria;
  const [found] = await reads.short(
    plainSql<{ id: string }>`select id from namespace where name = ${namespace}`,
  );
  return { ...others, namespaceUid: found?.id ?? NO_SUCH_UID };
}

function conditionOf(session: Session, criteria: ImageCriteria): Condition {
  const { and, or, not } = criteria;
  const nested = (part: ImageCriteria) => conditionOf(session, part);
  return plainSql.all([
    ...(criteria.search ? [holding(criteria.search)] : []),
    ...(criteria.namespace
      ? [
          plainSql<boolean>`image.namespace_id = (select id from namespace where name = ${criteria.namespace})`,
        ]
      : []),
    ...equal('namespace_id', criteria.namespaceUid),
    ...equal('workspace_id', criteria.workspaceUid),
    ...equal('type', criteria.type),
    ...equal('visibility', criteria.visibility),
    ...equal('architecture', criteria.architecture),
    ...equal('work_group', criteria.group),
    ...equal('tag', criteria.tag),
    ...among('status', criteria.status),
    ...among('origin', criteria.origin),
    ...among('service_type', criteria.serviceType),
    ...(criteria.resourceCategories
      ? [plainSql<boolean>`image.resource_categories ?| ${[...new Set(criteria.resourceCategories)]}::text[]`]
      : []),
    ...(criteria.labels?.length ? [labelled(criteria.labels)] : []),
    ...(criteria.dependsOnUid ? [dependingOnReadable(session, criteria.dependsOnUid)] : []),
    ...(criteria.createdAfter ? [plainSql<boolean>`image.created_at > ${criteria.createdAfter}`] : []),
    ...(criteria.createdBefore ? [plainSql<boolean>`image.created_at < ${criteria.createdBefore}`] : []),
    ...(and ?? []).map(nested),
    ...(or?.length ? [plainSql<boolean>`(${plainSql.join(or.map(nested), plainSql` or `)})`] : []),
    // A condition on what a row has not is neither true nor false of it: `not` would leave the row out.
    ...(not ? [plainSql<boolean>`(${nested(not)}) is not true`] : []),
  ]);
}

function equal(column: string, value: string | null | undefined): Condition[] {
  if (value === null || value === undefined) return [];
  return [plainSql<boolean>`image.${plainSql.raw(column)} = ${value}`];
}

function among(column: string, values: readonly string[] | null | undefined): Condition[] {
  if (!values) return [];
  const [only, ...others] = new Set(values);
  // An index is read in its own order only for a single value.
  if (only !== undefined && others.length === 0) return equal(column, only);
  return [plainSql<boolean>`image.${plainSql.raw(column)} = any(${[...new Set(values)]}::text[])`];
}

/**
 * Each way has one condition from whose statistics PostgreSQL tells how many rows it leaves: whether to look them up by the
 * index and sort them, or to walk the list until the page is full. Two of them would be multiplied.
 */
function holding({ term, grams, parts = [term] }: Search): Condition {
  // It is estimated to leave nearly all rows.
  const isInText = plainSql<boolean>`strpos(image.search_text, ${term}) <> 0`;
  if (grams === null) {
    // `%`, `_` and `\` stand for themselves.
    const pattern = parts.map((part) => `%${part.replace(/[\\%_]/g, '\\$&')}`).join('');
    const hasParts = plainSql<boolean>`image.search_text like ${`${pattern}%`}`;
    return parts[0] === term ? hasParts : plainSql<boolean>`(${hasParts} and ${isInText})`;
  }
  // `concat` makes testing a row by its grams look dearer than by its text, which it is by ten times (15 µs: they have to be unpacked),
  // so that it comes second where the index is not used.
  return plainSql<boolean>`(${isInText}
    and image.search_grams @> string_to_array(concat(${grams.join('\n')}::text), E'\\n'))`;
}

/** Each label is looked for among the row's; PostgreSQL takes no half characters in JSON, and no row has any. */
function labelled(labels: readonly LabelCriterion[]): Condition {
  const wanted = labels.map(({ key, value }) => ({
    key: key.toWellFormed(),
    ...(typeof value === 'string' ? { value: value.toWellFormed() } : {}),
  }));
  return plainSql<boolean>`image.labels @> ${JSON.stringify(wanted)}::jsonb`;
}

/** An image that the viewer may not read names nothing. */
function dependingOnReadable(session: Session, uid: string): Condition {
  return plainSql<boolean>`(exists (select from image named where named.id = ${uid} and ${readableImages(session, 'named')})
    and ${dependingOn(plainSql`${uid}::uuid`)})`;
}
