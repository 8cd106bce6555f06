import type { Session } from '../../auth/session.ts';
import { type EntityManager, kysely } from '../../db/orm.ts';
import type { Demand } from '../../scope/scope-quota.ts';
import type { ImportMode } from '../../shared/enums.ts';
import { Problems, type UserErrorCode } from '../../shared/problems.ts';
import { inTurns } from '../../shared/turns.ts';
import type { WorkspaceService } from '../../workspace/workspace.service.ts';
import { type ImageName, printImageName } from '../dependency/image-dependency.rules.ts';
import type { EditableField, Image } from '../image.entity.ts';
import { changedFields, checkEdit, draftOf, draftOfRow } from '../image-draft.rules.ts';
import { checkEditable } from '../image-edit.rules.ts';
import type { ImageQuotaService } from '../quota/image-quota.service.ts';
import type { ImageVerification } from '../registry/image-verification.ts';
import { factsAfter, type PlannedRow, type RowProblem } from './image-import.rules.ts';
import { ImportDependencies } from './image-import-dependencies.ts';
import { type Found, lookUp } from './image-import-lookup.reads.ts';
import { fieldOfPath } from './image-list-fields.rules.ts';
import { type ImageListRow, withContentErrors } from './image-list-reading.rules.ts';

interface Parts {
  readonly workspaces: WorkspaceService;
  readonly verification: ImageVerification;
  readonly quotas: ImageQuotaService;
}

/** What an import would write, and what is wrong with it: everything is looked up for all rows together. */
export class ImportPlan {
  readonly problems: RowProblem[] = [];
  readonly warnings: string[] = [];
  /** Those that can be read, whatever else is wrong with them: all that is wrong is told at once. */
  readonly #read: PlannedRow[] = [];
  /** Rows with a problem, by their places. */
  readonly #failed = new Set<number>();
  /** The places of rows by the existing images that they are about. */
  readonly #placeOf = new Map<string, number>();

  private constructor(
    private readonly tx: EntityManager,
    private readonly session: Session,
    private readonly mode: ImportMode,
    private readonly parts: Parts,
  ) {}

  /** @param tx in which the existing images stay locked until the plan is carried out */
  static async make(
    tx: EntityManager,
    session: Session,
    listed: readonly ImageListRow[],
    mode: ImportMode,
    parts: Parts,
  ): Promise<ImportPlan> {
    const plan = new ImportPlan(tx, session, mode, parts);
    const found = await lookUp(tx, session, listed, parts.workspaces);
    await inTurns(plan.#planRows(listed, found));
    await plan.#checkReferences();
    const dependencies = await ImportDependencies.load(kysely(tx), session, {
      mode,
      listed,
      read: plan.#read,
      isFailed: ({ index }) => plan.#failed.has(index),
      refuse: (...problem) => plan.#add(...problem),
    });
    // Before room is taken, so that what cannot be written takes none, and after: who finds no room is missing to others.
    await inTurns(dependencies.resolve());
    await plan.#takeRoom((row) => dependencies.concerns(row));
    await inTurns(dependencies.check());
    plan.warnings.push(...dependencies.warnings);
    plan.problems.sort((a, b) => a.index - b.index);
    return plan;
  }

  /** The rows that nothing is wrong with. */
  get rows(): PlannedRow[] {
    return this.#read.filter(({ row }) => !this.#failed.has(row.index));
  }

  #add(row: ImageListRow, field: string | null, code: UserErrorCode, message: string): void {
    const { index, imageId, imageName, imageTag } = row;
    this.#failed.add(index);
    this.problems.push({ index, imageId, imageName, imageTag, field, code, message });
  }

  *#planRows(listed: readonly ImageListRow[], found: Found): Generator<void> {
    for (const row of listed) {
      yield;
      const planned = row.name === null ? null : this.#planRow(row, row.name, found);
      if (planned !== null) this.#read.push(planned);
      if (row.name === null) {
        const problems = new Problems();
        checkEdit({ ...row.changes, dependencies: row.dependencies }, problems);
        this.#addErrors(row, problems);
      }
    }
  }

  #planRow(row: ImageListRow, name: ImageName, found: Found): PlannedRow | null {
    const namespaceId = this.#namespaceOf(row, name, found);
    const holder = found.byName.get(printImageName(name)) ?? null;
    const existing = (row.imageId === null ? undefined : found.byId.get(row.imageId)) ?? holder;
    if (holder !== null && existing !== null && holder.id !== existing.id) {
      const message = `another live image has the name ${printImageName(name)}`;
      this.#add(row, fieldOfPath(['name']), 'NAME_TAKEN', message);
    }
    const place = existing === null ? undefined : this.#placeOf.get(existing.id);
    if (place !== undefined && existing !== null) {
      const message = `row ${place} is about the same image, by its id or the name that it has now; leave one of them out`;
      this.#add(row, fieldOfPath(['name']), 'DUPLICATE', message);
    } else if (existing !== null) this.#placeOf.set(existing.id, row.index);
    // With the one that is named, it has been said already.
    const isElsewhere = existing !== null && existing.namespaceId !== namespaceId;
    if (isElsewhere && !this.session.can('image:update', existing.namespaceId)) {
      this.#add(row, null, 'NOT_ALLOWED', 'changing this image takes the role DEVELOPER on its namespace');
    }
    const workspaceId = this.#workspaceOf(row, existing, found);
    const base = existing === null ? null : draftOfFound(existing, found);
    const isKnownHere = existing !== null && this.#isKnownHere(existing);
    const problems = new Problems();
    const edit = {
      ...row.changes,
      ...name,
      // A record of S1's says nothing about where the image lies: what is known of it stays.
      reference: row.reference ?? base?.reference ?? row.defaultReference,
      origin: row.origin,
      dependencies: row.dependencies,
    };
    const { draft: written, warnings } = draftOf(base, edit, problems);
    const draft = written === null ? null : this.parts.verification.withOwnHost(written);
    const changed: EditableField[] = draft === null || base === null ? [] : changedFields(base, draft);
    if (existing !== null) checkEditable(existing, changed, problems);
    this.#addErrors(row, problems);
    if (draft === null) return null;
    this.warnings.push(...warnings.map((warning) => `row ${row.index}: ${warning}`));
    const { facts, isChanged } = factsAfter(row, draft, existing, changed, isKnownHere);
    if (isChanged) changed.push('reference');
    if (existing !== null && workspaceId !== existing.workspaceId) changed.push('workspace');
    if (existing?.type === 'BUILD_IN' && changed.length > 0) {
      this.#add(row, null, 'BUILT_IN', 'built-in images are read-only, and this row changes one');
    }
    const isIdFree = row.imageId !== null && !found.usedIds.has(row.imageId);
    if (existing === null && row.imageId !== null && !isIdFree) {
      this.warnings.push(
        `row ${row.index}: another image, or a deleted one, has this imageId; it gets a new one`,
      );
    }
    return {
      row,
      existing,
      base,
      id: isIdFree ? row.imageId : null,
      draft,
      facts,
      namespaceId,
      workspaceId,
      changed,
    };
  }

  #addErrors(row: ImageListRow, content: Problems): void {
    for (const { field, code, message } of withContentErrors(row, content.all)) {
      this.#add(row, field, code, message);
    }
  }

  #namespaceOf(row: ImageListRow, name: ImageName, found: Found): string | null {
    const id = found.namespaces.get(name.namespace) ?? null;
    if (id === null || !this.session.can('namespace:read', id)) {
      if (id === null && this.session.can('namespace:create')) return null;
      const message = `you have no role on a namespace ${name.namespace}; ask an administrator for one`;
      this.#add(row, fieldOfPath(['name']), 'NOT_FOUND', message);
    } else if (!this.session.can('image:create', id)) {
      const message = `putting images into ${name.namespace} takes the role DEVELOPER on it`;
      this.#add(row, fieldOfPath(['name']), 'NOT_ALLOWED', message);
    }
    return id;
  }

  #workspaceOf(row: ImageListRow, existing: Image | null, found: Found): string {
    if (row.workspace === undefined && existing !== null) return existing.workspaceId;
    if (row.workspace === undefined || row.workspace === null) return found.defaultWorkspace.id;
    const workspace = found.workspaces.get(row.workspace);
    const { workspaces } = this.parts;
    if (workspace === undefined || !workspaces.mayRead(this.session, workspace)) {
      this.#add(row, fieldOfPath(['workspace']), 'NOT_FOUND', 'there is no such workspace');
      return found.defaultWorkspace.id;
    }
    if (!workspaces.mayWork(this.session, workspace)) {
      const message = 'putting images into this workspace takes the role DEVELOPER on it';
      this.#add(row, fieldOfPath(['workspace']), 'NOT_ALLOWED', message);
    }
    return workspace.id;
  }

  /** New references to the platform's own registry take the right to use it. */
  async #checkReferences(): Promise<void> {
    const { verification } = this.parts;
    const fresh = this.#read.filter((row) => row.existing === null || row.changed.includes('reference'));
    const drafts = fresh.map(({ draft }) => draft);
    const unusable = await verification.unusable(this.session, drafts, this.tx);
    for (const { row, draft } of fresh) {
      if (!unusable.has(draft.repository) || !verification.isOwn(draft.registryHost)) continue;
      const message = 'the registry has no such image that you may use';
      this.#add(row, fieldOfPath(['reference']), 'REFERENCE_NOT_FOUND', message);
    }
  }

  #isKnownHere({ sourceBuildId, registryHost }: Image): boolean {
    return sourceBuildId !== null || this.parts.verification.isOwn(registryHost);
  }

  /** @param mayFail whether a row may still fail after this */
  async #takeRoom(mayFail: (row: PlannedRow) => boolean): Promise<void> {
    const { quotas } = this.parts;
    const places = this.rows.map((row) => {
      const { existing, facts, namespaceId, workspaceId } = row;
      const demands = quotas.demandsOf(existing, { ...facts, namespaceId, workspaceId });
      // What a row leaves that fails after all must not have been given away.
      const isSure = this.mode === 'ATOMIC' || !mayFail(row);
      return { row, demands: isSure ? demands : demands.filter(takesOnly) };
    });
    const all = places.flatMap(({ demands }) => demands);
    const room = await quotas.lockRoom(this.tx, all);
    for (const { row, demands } of places) {
      for (const { code, message } of room.take(demands)) this.#add(row.row, null, code, message);
    }
  }
}

const takesOnly = ({ images = 0, storageBytes = 0 }: Demand) => images >= 0 && storageBytes >= 0;

function draftOfFound(image: Image, { namespaceNames, dependencies }: Found) {
  return draftOfRow(image, namespaceNames.get(image.namespaceId) ?? '', dependencies.get(image.id) ?? []);
}
