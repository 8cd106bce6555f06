import type {
  Architecture,
  ImageOrigin,
  ImageStatus,
  ImageType,
  ResourceCategory,
  ServiceType,
  Visibility,
} from '../../shared/enums.ts';
import { BadInputError } from '../../shared/errors.ts';
import { NO_SUCH_UID, type NodeType, uidOf } from '../../shared/global-id.ts';
import { readSearch, type Search } from './image-search.rules.ts';

/** A label that an image must have. */
export interface LabelCriterion {
  readonly key: string;
  /** Absent or null: any. */
  readonly value?: string | null | undefined;
}

/** What a filter and its criteria say in the same words. All that is given holds at once; absent and null do not narrow. */
interface Conditions {
  readonly namespace?: string | null | undefined;
  readonly status?: readonly ImageStatus[] | null | undefined;
  readonly origin?: readonly ImageOrigin[] | null | undefined;
  readonly type?: ImageType | null | undefined;
  readonly visibility?: Visibility | null | undefined;
  readonly serviceType?: readonly ServiceType[] | null | undefined;
  readonly architecture?: Architecture | null | undefined;
  /** At least one of these. */
  readonly resourceCategories?: readonly ResourceCategory[] | null | undefined;
  readonly group?: string | null | undefined;
  readonly tag?: string | null | undefined;
  /** All of these. */
  readonly labels?: readonly LabelCriterion[] | null | undefined;
  readonly createdAfter?: Date | null | undefined;
  readonly createdBefore?: Date | null | undefined;
  /** Of the outermost filter; see {@link reachesDeleted}. */
  readonly includeDeleted?: boolean | null | undefined;
}

/** Filters within a filter. An empty list does not narrow. */
interface Composed<Part> {
  /** All of these hold. */
  readonly and?: readonly Part[] | null | undefined;
  /** At least one of these holds. */
  readonly or?: readonly Part[] | null | undefined;
  readonly not?: Part | null | undefined;
}

/** Which images, as it is asked for: ids are opaque. */
export interface ImageFiltering extends Conditions, Composed<ImageFiltering> {
  readonly search?: string | null | undefined;
  readonly workspaceId?: string | null | undefined;
  readonly dependsOn?: string | null | undefined;
}

/** Which images, checked; ids are UUIDs. */
export interface ImageCriteria extends Conditions, Composed<ImageCriteria> {
  readonly search?: Search | null | undefined;
  /** Instead of its name, where that has been looked up. */
  readonly namespaceUid?: string | null | undefined;
  readonly workspaceUid?: string | null | undefined;
  /** The image that they depend on. */
  readonly dependsOnUid?: string | null | undefined;
}

/** Filters within filters, the outermost one counted: five levels say every condition that a person can still read. */
export const MAX_FILTER_DEPTH = 5;
/** Conditions in all of them together, a filter without any counted as one: what a statement is still planned for in no time. */
export const MAX_FILTER_CONDITIONS = 50;

/**
 * Reads a filter. An id of another type names nothing.
 *
 * @param path where the filter stands in the arguments, for the error
 * @throws BadInputError for malformed ids, terms that nothing can be searched by, and filters that are nested too deep or have
 * too many conditions
 */
export function criteriaOf(
  filter: ImageFiltering | null | undefined,
  path: readonly string[] = ['filter'],
): ImageCriteria {
  if (filter === null || filter === undefined) return {};
  const depth = depthOf(filter);
  if (depth > MAX_FILTER_DEPTH) {
    throw new BadInputError(`Filters may be nested ${MAX_FILTER_DEPTH} deep; these are ${depth}.`, path, {
      max: MAX_FILTER_DEPTH,
      current: depth,
    });
  }
  const conditions = conditionsIn(filter);
  if (conditions > MAX_FILTER_CONDITIONS) {
    throw new BadInputError(
      `A filter may have ${MAX_FILTER_CONDITIONS} conditions; this has ${conditions}.`,
      path,
      { max: MAX_FILTER_CONDITIONS, current: conditions },
    );
  }
  return read(filter, path);
}

/** Are deleted images meant as well: because the filter says so, or because a status in it, however deep, is DELETED? */
export function reachesDeleted(criteria: ImageCriteria): boolean {
  return (
    criteria.includeDeleted === true ||
    criteria.status?.includes('DELETED') === true ||
    partsOf(criteria).some(reachesDeleted)
  );
}

/** Do these leave anything out, besides what is deleted? */
export function narrows(criteria: ImageCriteria): boolean {
  return Object.values(criteria).some((value) => value !== null && value !== undefined);
}

function read(filter: ImageFiltering, path: readonly string[]): ImageCriteria {
  const { search, workspaceId, dependsOn, and, or, not, ...same } = filter;
  const uid = (type: NodeType, id: string | null | undefined, name: string) =>
    typeof id === 'string' ? (uidOf(type, id, [...path, name]) ?? NO_SUCH_UID) : null;
  const nested = (part: ImageFiltering, ...way: string[]) => {
    if (part.includeDeleted !== true) return read(part, [...path, ...way]);
    throw new BadInputError('`includeDeleted` holds for the whole filter: set it in the outermost one.', [
      ...path,
      ...way,
      'includeDeleted',
    ]);
  };
  return {
    ...same,
    search: readSearch(search, [...path, 'search']),
    workspaceUid: uid('Workspace', workspaceId, 'workspaceId'),
    dependsOnUid: uid('Image', dependsOn, 'dependsOn'),
    and: and?.map((part, index) => nested(part, 'and', String(index))),
    or: or?.map((part, index) => nested(part, 'or', String(index))),
    not: not ? nested(not, 'not') : null,
  };
}

function depthOf(filter: ImageFiltering): number {
  return 1 + partsOf(filter).reduce((deepest, part) => Math.max(deepest, depthOf(part)), 0);
}

function conditionsIn(filter: ImageFiltering): number {
  const { and, or, not, includeDeleted, labels, ...single } = filter;
  const own =
    Object.values(single).filter((value) => value !== null && value !== undefined).length +
    (labels?.length ?? 0);
  return Math.max(
    1,
    partsOf(filter).reduce((sum, part) => sum + conditionsIn(part), own),
  );
}

function partsOf<Part extends Composed<Part>>({ and, or, not }: Part): Part[] {
  return [...(and ?? []), ...(or ?? []), ...(not ? [not] : [])];
}
