import { setImmediate as letOthersRun } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { LockMode } from '@mikro-orm/core';
import { sql } from 'kysely';
import type { Session } from '../auth/session.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import { Namespace } from '../namespace/namespace.entity.ts';
import type { Demand } from '../scope/scope-quota.ts';
import type { ImportMode } from '../shared/enums.ts';
import { Problems, type UserErrorCode } from '../shared/problems.ts';
import type { Workspace } from '../workspace/workspace.entity.ts';
import type { WorkspaceService } from '../workspace/workspace.service.ts';
import { type EditableField, Image } from './image.entity.ts';
import { contentOf } from './image-content.rules.ts';
import { shortestWayBack } from './image-cycle.rules.ts';
import { dependencyGraph, resolveTargets } from './image-dependency.reads.ts';
import {
  type GivenDependency,
  type ImageName,
  isSameName,
  printImageName,
} from './image-dependency.rules.ts';
import { changedFields, draftOf, type ImageDraft } from './image-draft.rules.ts';
import { checkEditable, factsOf } from './image-edit.rules.ts';
import { liveImages, readableImages } from './image-filter.reads.ts';
import { fieldOfPath } from './image-list-fields.rules.ts';
import { type ImageListRow, type RowError, withContentErrors } from './image-list-reading.rules.ts';
import type { ImageQuotaService } from './image-quota.service.ts';
import type { ImageVerification } from './image-verification.ts';

/** Rows that are checked before other requests get a turn: some 20 ms. */
const ROWS_PER_TURN = 200;

/** What is wrong with a row. */
export interface RowProblem extends RowError {
  /** The row's place in the document, from 0. */
  readonly index: number;
  /** As they stand in the document. */
  readonly imageId: string | null;
  readonly imageName: string | null;
  readonly imageTag: string | null;
}

/** What is to become of a row that nothing is wrong with. */
export interface PlannedRow {
  readonly row: ImageListRow;
  /** The image that it is about; `null`: a new one. */
  readonly existing: Image | null;
  /** For a new image; `null`: any. */
  readonly id: string | null;
  readonly draft: ImageDraft;
  readonly facts: Pick<
    Image,
    'reference' | 'registryHost' | 'repository' | 'digest' | 'sizeBytes' | 'layers'
  >;
  /** `null`: one that is made with it. */
  readonly namespaceId: string | null;
  readonly workspaceId: string;
  /** What is different from the existing image. */
  readonly changed: readonly EditableField[];
}

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

  private constructor(
    private readonly tx: EntityManager,
    private readonly session: Session,
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
    const plan = new ImportPlan(tx, session, parts);
    await plan.#planRows(listed);
    await plan.#checkReferences();
    await plan.#checkDependencies(listed, mode);
    await plan.#takeRoom();
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

  async #planRows(listed: readonly ImageListRow[]): Promise<void> {
    const found = await this.#lookUp(listed);
    for (const [place, row] of listed.entries()) {
      if (place % ROWS_PER_TURN === ROWS_PER_TURN - 1) await letOthersRun();
      const planned = row.name === null ? null : this.#planRow(row, row.name, found);
      if (planned !== null) this.#read.push(planned);
      else for (const { field, code, message } of row.errors) this.#add(row, field, code, message);
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
    // With the one that is named, it has been said already.
    const isElsewhere = existing !== null && existing.namespaceId !== namespaceId;
    if (isElsewhere && !this.session.can('image:update', existing.namespaceId)) {
      this.#add(row, null, 'NOT_ALLOWED', 'changing this image takes the role DEVELOPER on its namespace');
    }
    if (existing?.type === 'BUILD_IN') this.#add(row, null, 'BUILT_IN', 'built-in images are read-only');
    const workspaceId = this.#workspaceOf(row, existing, found);
    const base = existing === null ? null : draftOfFound(existing, found);
    const problems = new Problems();
    const edit = {
      ...row.changes,
      ...name,
      // A record of S1's says nothing about where the image lies: what is known of it stays.
      reference: row.reference ?? base?.reference ?? row.defaultReference,
      origin: row.origin,
      dependencies: row.dependencies,
    };
    const { draft, warnings } = draftOf(base, edit, problems);
    const changed: EditableField[] = draft === null || base === null ? [] : changedFields(base, draft);
    if (existing !== null) checkEditable(existing, changed, problems);
    if (draft === null) return null;
    for (const { field, code, message } of withContentErrors(row, problems.all)) {
      this.#add(row, field, code, message);
    }
    this.warnings.push(...warnings.map((warning) => `row ${row.index}: ${warning}`));
    const facts = factsAfter(row, draft, existing, changed);
    if (existing !== null && workspaceId !== existing.workspaceId) changed.push('workspace');
    const isIdFree = row.imageId !== null && !found.usedIds.has(row.imageId);
    return {
      row,
      existing,
      id: isIdFree ? row.imageId : null,
      draft,
      facts,
      namespaceId,
      workspaceId,
      changed,
    };
  }

  #namespaceOf(row: ImageListRow, name: ImageName, found: Found): string | null {
    const id = found.namespaces.get(name.namespace) ?? null;
    if (id === null || !this.session.can('namespace:read', id)) {
      if (id === null && this.session.isAdmin) return null;
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
    if (!workspace.isDefault && !this.session.can('workspace:work', workspace.id)) {
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

  /** Dependencies may name images of the same document, before them or after them. */
  async #checkDependencies(listed: readonly ImageListRow[], mode: ImportMode): Promise<void> {
    // What an image depends on already is left as it is: a catalogue in which something is missing can be imported again.
    const isNew = ({ existing, changed }: PlannedRow) =>
      existing === null || changed.includes('dependencies');
    const asking = this.#read.filter((row) => isNew(row) && row.draft.dependencies.length > 0);
    if (asking.length === 0) return;
    const targets = asking.flatMap(({ draft }) => draft.dependencies);
    const db = kysely(this.tx);
    const live = new Set((await resolveTargets(db, this.session, targets)).map(printImageName));
    const graph = new Map(await dependencyGraph(db, targets));
    for (const { draft } of this.#read) graph.set(printImageName(draft), draft.dependencies);
    for (const { row, draft } of asking) {
      if (draft.dependencies.some((one) => isSameName(one, draft))) {
        this.warnings.push(`row ${row.index}: ${printImageName(draft)} depends on itself`);
      }
      const [, through] = shortestWayBack(draft, draft.dependencies, graph) ?? [];
      if (through === undefined) continue;
      const message = `${printImageName(through)} depends on ${printImageName(draft)} itself`;
      this.#add(row, fieldOfPath(['dependencies']), 'DEPENDENCY_CYCLE', message);
    }
    this.#checkResolved(asking, live, listed, mode);
  }

  #checkResolved(
    asking: readonly PlannedRow[],
    live: ReadonlySet<string>,
    listed: readonly ImageListRow[],
    mode: ImportMode,
  ): void {
    // With ATOMIC nothing is written if a row fails, so who depends on that row need not hear of it.
    const counts = (row: ImageListRow) => mode === 'ATOMIC' || !this.#failed.has(row.index);
    let waiting = [...asking];
    for (let failed = -1; failed !== this.#failed.size; ) {
      failed = this.#failed.size;
      const coming = new Set(
        listed.flatMap((row) => (row.name !== null && counts(row) ? [printImageName(row.name)] : [])),
      );
      const missingOf = ({ draft }: PlannedRow) =>
        draft.dependencies.filter((one) => {
          const name = printImageName(one);
          return !live.has(name) && !coming.has(name) && !isSameName(one, draft);
        });
      const bad = waiting.filter((planned) => missingOf(planned).length > 0);
      waiting = waiting.filter((planned) => !bad.includes(planned));
      for (const planned of bad) {
        for (const dependency of missingOf(planned)) {
          const message = `there is no live image ${printImageName(dependency)} that you may see, nor one in this document that can be imported`;
          this.#add(planned.row, fieldOfPath(['dependencies']), 'DEPENDENCY_UNRESOLVED', message);
        }
      }
    }
  }

  async #takeRoom(): Promise<void> {
    const { quotas } = this.parts;
    const demandsOf = ({ existing, facts, namespaceId, workspaceId }: PlannedRow): Demand[] => {
      const [before, after] = [existing === null ? 0 : quotas.storageOf(existing), quotas.storageOf(facts)];
      const move = (scope: 'namespaceId' | 'workspaceId', to: string | null): Demand[] => {
        const from = existing?.[scope];
        if (from === to) return [{ [scope]: to, storageBytes: after - before }];
        return [
          ...(from === undefined ? [] : [{ [scope]: from, images: -1, storageBytes: -before }]),
          ...(to === null ? [] : [{ [scope]: to, images: 1, storageBytes: after }]),
        ];
      };
      return [...move('namespaceId', namespaceId), ...move('workspaceId', workspaceId)];
    };
    const places = this.rows.map((row) => ({ row, demands: demandsOf(row) }));
    const room = await quotas.lockRoom(
      this.tx,
      places.flatMap(({ demands }) => demands),
    );
    for (const { row, demands } of places) {
      for (const { code, message } of room.take(demands)) {
        this.#add(row.row, null, code, message);
      }
    }
  }

  async #lookUp(listed: readonly ImageListRow[]): Promise<Found> {
    const { tx, session, parts } = this;
    const db = kysely(tx);
    const names = listed.flatMap(({ name }) => (name === null ? [] : [name]));
    const ids = listed.flatMap(({ imageId }) => (imageId === null ? [] : [imageId]));
    const column = (key: keyof ImageName) => names.map((name) => name[key]);
    const { rows: used } = await sql<{ id: string; isMeant: boolean }>`
      select image.id, (${liveImages()} and ${readableImages(session)}) as "isMeant" from image
        where image.id = any(${ids}::uuid[])`.execute(db);
    const { rows: holders } = await sql<{ id: string }>`
      select image.id from unnest(${column('namespace')}::text[], ${column('name')}::text[], ${column('tag')}::text[])
          as target(namespace, name, tag)
        join namespace on namespace.name = target.namespace
        join image on image.namespace_id = namespace.id and image.name = target.name and image.tag = target.tag
        where ${liveImages()} and ${readableImages(session)}`.execute(db);
    const meant = new Set(used.filter(({ isMeant }) => isMeant).map(({ id }) => id));
    const wanted = new Set([...meant, ...holders.map(({ id }) => id)]);
    const images = await tx.find(
      Image,
      { id: { $in: [...wanted] } },
      { orderBy: { id: 'asc' }, lockMode: LockMode.PESSIMISTIC_WRITE, disableIdentityMap: true },
    );
    const namespaces = await tx.find(
      Namespace,
      {
        $or: [
          { name: { $in: [...new Set(column('namespace'))] } },
          { id: { $in: [...new Set(images.map(({ namespaceId }) => namespaceId))] } },
        ],
      },
      { disableIdentityMap: true },
    );
    const namespaceNames = new Map(namespaces.map(({ id, name }) => [id, name]));
    const nameOf = ({ namespaceId, name, tag }: Image) =>
      printImageName({ namespace: namespaceNames.get(namespaceId) ?? '', name, tag });
    const workspaceNames = listed.flatMap(({ workspace }) => (workspace ? [workspace] : []));
    return {
      byId: new Map(images.filter(({ id }) => meant.has(id)).map((image) => [image.id, image])),
      byName: new Map(images.map((image) => [nameOf(image), image])),
      usedIds: new Set(used.map(({ id }) => id)),
      namespaces: new Map(namespaces.map(({ id, name }) => [name, id])),
      namespaceNames,
      workspaces: await parts.workspaces.byNames(workspaceNames, tx),
      defaultWorkspace: await parts.workspaces.default(tx),
      dependencies: await this.#dependenciesOf([...wanted]),
    };
  }

  async #dependenciesOf(ids: readonly string[]): Promise<ReadonlyMap<string, GivenDependency[]>> {
    const { rows } = await sql<GivenDependency & { imageId: string }>`
      select image_id as "imageId", position as index, reference, namespace, name, tag from image_dependency
        where image_id = any(${[...ids]}::uuid[]) order by image_id, position`.execute(kysely(this.tx));
    return Map.groupBy(rows, ({ imageId }) => imageId);
  }
}

/** What the database has of all that the rows name. */
interface Found {
  /** Live images that the viewer may read. */
  readonly byId: ReadonlyMap<string, Image>;
  /** Live images by their printed names. */
  readonly byName: ReadonlyMap<string, Image>;
  /** Of all images, whoever may see them. */
  readonly usedIds: ReadonlySet<string>;
  /** Ids by name. */
  readonly namespaces: ReadonlyMap<string, string>;
  /** Names by id. */
  readonly namespaceNames: ReadonlyMap<string, string>;
  readonly workspaces: ReadonlyMap<string, Workspace>;
  readonly defaultWorkspace: Workspace;
  /** Of the existing images, by the image's id. */
  readonly dependencies: ReadonlyMap<string, readonly GivenDependency[]>;
}

function draftOfFound(image: Image, found: Found): ImageDraft {
  const { name, tag, reference, registryHost, repository, digest, origin } = image;
  return {
    namespace: found.namespaceNames.get(image.namespaceId) ?? '',
    name,
    tag,
    reference,
    registryHost,
    repository,
    digest,
    tagInRegistry: tag,
    origin,
    content: contentOf(image),
    dependencies: found.dependencies.get(image.id) ?? [],
  };
}

/** Where the image lies and what the registry had said of it when it was exported; an image that was made here keeps what it has. */
function factsAfter(
  row: ImageListRow,
  draft: ImageDraft,
  existing: Image | null,
  changed: EditableField[],
): PlannedRow['facts'] {
  const isNew = existing === null || changed.includes('reference');
  const facts = isNew ? factsOf(draft, null) : existing;
  const { reference, registryHost, repository } = facts;
  const keeps = existing !== null && existing.sourceBuildId !== null;
  const after = {
    reference,
    registryHost,
    repository,
    digest: keeps || row.digest === undefined ? facts.digest : row.digest,
    sizeBytes: keeps || row.sizeBytes === undefined ? facts.sizeBytes : row.sizeBytes,
    layers: (keeps || row.layers === undefined ? facts.layers : row.layers) ?? [],
  };
  const isChanged = (['digest', 'sizeBytes', 'layers'] as const).some(
    (part) => !isDeepStrictEqual(after[part], facts[part]),
  );
  if (!isNew && isChanged) changed.push('reference');
  return after;
}
