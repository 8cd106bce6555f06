import { randomUUID } from 'node:crypto';
import type { Audited } from '../../audit/audit.service.ts';
import type { Session } from '../../auth/session.ts';
import { insertRows, updateRows } from '../../db/bulk.ts';
import type { EntityManager } from '../../db/orm.ts';
import { isTaken } from '../../db/violations.ts';
import type { WriteGate } from '../../db/write-gate.ts';
import type { NamespaceService } from '../../namespace/namespace.service.ts';
import type { ImportMode } from '../../shared/enums.ts';
import { UnavailableError } from '../../shared/errors.ts';
import { toGlobalId } from '../../shared/global-id.ts';
import { refuse } from '../../shared/problems.ts';
import { inTurns } from '../../shared/turns.ts';
import type { WorkspaceService } from '../../workspace/workspace.service.ts';
import { NO_CONTENT } from '../content/image-content.ts';
import { lockDependencies, replaceDependencies } from '../dependency/image-dependencies.ts';
import { searchGramsOf, searchTextOf } from '../filter/image-search.rules.ts';
import { Image } from '../image.entity.ts';
import { holdSharing } from '../image-access.ts';
import { newImageRow, recordEdit } from '../image-edit.rules.ts';
import type { ImageQuotaService } from '../quota/image-quota.service.ts';
import type { ImageVerification } from '../registry/image-verification.ts';
import type { PlannedRow, RowProblem } from './image-import.rules.ts';
import { ImportPlan } from './image-import-plan.ts';
import { readImageList } from './image-list-reading.rules.ts';
import type { ImageListDefaults } from './image-list-row.rules.ts';

/** More errors than these tell nobody more; the rest is counted. */
const MAX_ROW_ERRORS = 1000;
const MAX_WARNINGS = 100;
/** Somebody else may take a name while an import is on its way; then it looks again, so often. */
const MAX_TRIES = 3;

export interface ImportInput {
  /** The text of an `image_list.json`. */
  readonly document: string;
  readonly mode: ImportMode;
  readonly defaults: ImageListDefaults;
  /** Check everything, change nothing. */
  readonly validateOnly: boolean;
}

export interface Imported {
  /** Rows; with `validateOnly` those that would be. */
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly failed: number;
  /** At most 1,000. */
  readonly rowErrors: readonly RowProblem[];
  readonly rowErrorCount: number;
  /** At most 100, and how many more there are. */
  readonly warnings: readonly string[];
  /** `null`: nothing was written. */
  readonly audited: Audited | null;
}

/** Reading `image_list.json` into the catalogue. */
export class ImageImportService {
  constructor(
    private readonly parts: {
      readonly writes: WriteGate;
      readonly namespaces: NamespaceService;
      readonly workspaces: WorkspaceService;
      readonly verification: ImageVerification;
      readonly quotas: ImageQuotaService;
    },
  ) {}

  /**
   * Creates and updates the images of a document, in one transaction.
   *
   * A row is about the image with its id, else about the live image with its name, else about a new one, which gets the row's id
   * where no other image has it.
   *
   * @throws InputRefused the document cannot be read; what is wrong with rows is in the answer
   */
  async import(session: Session, input: ImportInput): Promise<Imported> {
    const list = await inTurns(readImageList(input.document, input.defaults));
    if ('problem' in list) {
      const { message, line, column, tooMany } = list.problem;
      if (tooMany !== undefined) return refuse('TOO_MANY', ['document'], message, tooMany);
      return refuse('INVALID', ['document'], message, { line, column });
    }
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.parts.writes.run(async (tx) => {
          await lockDependencies(tx);
          const plan = await ImportPlan.make(tx, session, list.rows, input.mode, this.parts);
          const isRefused = input.mode === 'ATOMIC' && plan.problems.length > 0;
          const isOnlyChecked = isRefused || input.validateOnly;
          const audited = isOnlyChecked ? null : await this.#write(tx, session, plan);
          return { ...answerOf(plan, list.warnings, isRefused), audited };
        }, 'LONG');
      } catch (error) {
        if (!isTaken(error, 'image_catalogue_name') && !isTaken(error, 'image_pkey')) throw error;
        if (attempt === MAX_TRIES) {
          throw new UnavailableError('Others are changing the same images; try again in a while.', {
            cause: error,
          });
        }
      }
    }
  }

  async #write(tx: EntityManager, session: Session, plan: ImportPlan): Promise<Audited> {
    const planned = plan.rows;
    const fresh = planned.flatMap(({ namespaceId, draft }) => (namespaceId === null ? draft.namespace : []));
    const namespaces = await this.parts.namespaces.ensureAll(tx, fresh);
    const created = planned.filter(({ existing }) => existing === null);
    const updated = planned.filter(({ existing, changed }) => existing !== null && changed.length > 0);
    const rows = await inTurns(
      imagesOf([...created, ...updated], session, (name) => namespaces.get(name)?.id as string),
    );
    const images = rows.map(({ image }) => image);
    const shared = rows.filter(({ row, image }) => isMadePublic(row.existing, image));
    for (const id of new Set(shared.map(({ row, image }) => (row.existing ?? image).namespaceId))) {
      await holdSharing(tx, session, id);
    }
    await insertRows(tx, Image, ALL_PROPERTIES, images.slice(0, created.length));
    await updateRows(tx, Image, EDITED_PROPERTIES, images.slice(created.length));
    const redone = rows.filter(({ row }) => row.existing === null || row.changed.includes('dependencies'));
    const lists = redone.map(({ row, image }) => ({
      imageId: image.id,
      dependencies: row.draft.dependencies,
    }));
    await replaceDependencies(tx, lists);
    return await inTurns(auditedOf(rows));
  }
}

/** What is written for each row. @param namespaceIdOf for those that were made with the rows */
function* imagesOf(
  planned: readonly PlannedRow[],
  session: Session,
  namespaceIdOf: (name: string) => string,
) {
  const now = new Date();
  const rows = [];
  for (const row of planned) {
    yield;
    const { draft, facts, existing, workspaceId } = row;
    const { name, tag, origin, content } = draft;
    const scopes = { namespaceId: row.namespaceId ?? namespaceIdOf(draft.namespace), workspaceId };
    const image =
      existing === null
        ? {
            ...newImageRow(draft, null, now),
            ...facts,
            ...scopes,
            id: row.id ?? randomUUID(),
            createdById: session.user.id,
          }
        : { ...existing, ...content, ...facts, ...scopes, name, tag, origin };
    if (existing !== null) recordEdit(image, row.changed);
    rows.push({
      row,
      image: { ...image, searchText: searchTextOf(image), searchGrams: searchGramsOf(image) },
    });
  }
  return rows;
}

const isMadePublic = (before: Image | null, { visibility }: Pick<Image, 'visibility'>) =>
  visibility === 'PUBLIC' && before?.visibility !== 'PUBLIC';

/** What the trail is told; the images first that others see now, or see no more. */
function* auditedOf(
  rows: readonly { readonly row: PlannedRow; readonly image: Pick<Image, 'id' | 'visibility'> }[],
): Generator<void, Audited> {
  const facts = { created: 0, updated: 0, madePublic: 0, madePrivate: 0 };
  const objectIds: string[] = [];
  const others: string[] = [];
  for (const { row, image } of rows) {
    yield;
    const before = row.existing?.visibility ?? 'PRIVATE';
    facts[row.existing === null ? 'created' : 'updated'] += 1;
    if (image.visibility !== before) facts[image.visibility === 'PUBLIC' ? 'madePublic' : 'madePrivate'] += 1;
    (image.visibility === before ? others : objectIds).push(toGlobalId('Image', image.id));
  }
  return { objectIds: [...objectIds, ...others], facts };
}

const CONTENT = Object.keys(NO_CONTENT) as (keyof typeof NO_CONTENT)[];
const EDITED_PROPERTIES = [
  ...CONTENT,
  'namespaceId',
  'workspaceId',
  'name',
  'tag',
  'origin',
  'reference',
  'registryHost',
  'repository',
  'digest',
  'sizeBytes',
  'layers',
  'version',
  'lastChanges',
  'updatedAt',
  'searchText',
  'searchGrams',
] as const;
const ALL_PROPERTIES = [...EDITED_PROPERTIES, 'id', 'type', 'status', 'createdById', 'createdAt'] as const;

function answerOf(
  plan: ImportPlan,
  warnings: readonly string[],
  isRefused: boolean,
): Omit<Imported, 'audited'> {
  const { rows, problems } = plan;
  const all = [...warnings, ...plan.warnings];
  const more = all.length - MAX_WARNINGS;
  const count = (is: (row: PlannedRow) => boolean) => (isRefused ? 0 : rows.filter(is).length);
  return {
    created: count(({ existing }) => existing === null),
    updated: count(({ existing, changed }) => existing !== null && changed.length > 0),
    unchanged: count(({ existing, changed }) => existing !== null && changed.length === 0),
    failed: new Set(problems.map(({ index }) => index)).size,
    rowErrors: problems.slice(0, MAX_ROW_ERRORS),
    rowErrorCount: problems.length,
    warnings: more > 0 ? [...all.slice(0, MAX_WARNINGS), `${more} more warnings`] : all,
  };
}
