import type { Session } from '../auth/session.ts';
import type {
  ContainerDetails,
  ContainerEngine,
  ContainerFootprint,
  ContainerState,
  ContainerSummary,
  EngineImage,
} from '../engine/container-engine.ts';
import { UnavailableError } from '../shared/errors.ts';
import { isUuid } from '../shared/global-id.ts';
import { inParallel } from '../shared/in-parallel.ts';
import { once, type Page, type PageArgs, type Place, readWindow, toPage } from '../shared/keyset.ts';
import type { Workspace } from '../workspace/workspace.entity.ts';
import type { WorkspaceService } from '../workspace/workspace.service.ts';
import { NotebookContainers } from './notebook-containers.ts';
import { NotebookEngine } from './notebook-engine.ts';
import { type CredentialFiles, NotebookFiles } from './notebook-files.ts';
import { currentOf, type NotebookClaim, type NotebookLabels, readClaim } from './notebook-labels.rules.ts';

/**
 * How long the engine has to tell an operation which notebooks there are, and once more what the files of those that are shown
 * take. A save gives it this time once, for all that is to be known before.
 */
const ANSWER_MS = 5000;
/** Questions that one answer asks the engine at a time. */
const AT_A_TIME = 8;

/** A notebook instance: a container of the engine that carries the notebook labels. */
export interface Notebook {
  readonly id: string;
  readonly name: string;
  readonly workspace: Workspace;
  /** The user's name as the label gives it; `null` where the container has no such label. */
  readonly ownerName: string | null;
  readonly state: ContainerState;
  /** The reference that it was started with. */
  readonly image: string;
  /** Under what names registries have that image: `host/path@sha256:…`. */
  readonly imageReferences: readonly string[];
  /** Of that image; `null` where the engine has it no more, or cannot read it. */
  readonly layerCount: number | null;
  readonly containerId: string;
  /** `null` where it never was, or the engine does not describe the container. */
  readonly startedAt: Date | null;
  /** `null` where the engine does not describe the container. */
  readonly uncapturedMounts: readonly string[] | null;
}

/** A container that says it is a notebook, by labels of its own, to who may see that. */
interface Seen {
  readonly id: string;
  readonly claim: NotebookClaim;
  readonly container: ContainerSummary;
  /** `null` where the engine has it no more, or cannot read it. */
  readonly image: EngineImage | null;
  readonly workspace: Workspace;
}

/** Finds notebooks in the engine. A notebook is seen by its owner, by owners of its workspace and by administrators. */
export class NotebookService {
  readonly #engine: NotebookEngine;
  readonly #files: NotebookFiles;

  constructor(
    engine: ContainerEngine | null,
    private readonly labels: NotebookLabels,
    private readonly workspaces: WorkspaceService,
    private readonly answerMs = ANSWER_MS,
  ) {
    this.#engine = new NotebookEngine(engine, answerMs);
    this.#files = new NotebookFiles(this.#engine, answerMs);
  }

  /** The engine's containers for one operation, beginning now. */
  containers(): NotebookContainers {
    return new NotebookContainers(this.#engine, this.labels.id, AbortSignal.timeout(this.answerMs));
  }

  /** The notebooks that the viewer may see, by name. What it shows fails with UnavailableError where no engine answers. */
  async page(
    session: Session,
    workspaceUid: string | null | undefined,
    args: PageArgs,
    containers = this.containers(),
  ): Promise<Page<Notebook>> {
    const window = readWindow('notebooks', 'text', args);
    const list = once(async () =>
      (await this.#visible(session, null, containers))
        .filter(({ workspace }) => !workspaceUid || workspace.id === workspaceUid)
        .map((found) => ({ ...found, place: { value: nameOf(found), id: found.id } }))
        .sort((a, b) => compare(a.place, b.place)),
    );
    const read = async () => {
      const { after } = window;
      const all = await list();
      let rest = after === null ? all : all.filter(({ place }) => compare(place, after) > 0);
      const shown: Notebook[] = [];
      // Once, but for containers that have gone since they were listed.
      while (rest.length > 0 && shown.length <= window.limit) {
        const count = window.limit + 1 - shown.length;
        shown.push(...(await notebooksOf(rest.slice(0, count), containers)));
        rest = rest.slice(count);
      }
      return shown;
    };
    const placeOf = (notebook: Notebook) => ({ value: notebook.name, id: notebook.id });
    return toPage('notebooks', window, read, placeOf, async () => (await list()).length);
  }

  /** One notebook; `null` where there is none of this id that the viewer may see. */
  async find(session: Session, uid: string, containers = this.containers()): Promise<Notebook | null> {
    const [notebook] = await this.byIds(session, [uid], containers);
    return notebook ?? null;
  }

  /** Those of these notebooks that the viewer may see. */
  async byIds(
    session: Session,
    uids: readonly string[],
    containers = this.containers(),
  ): Promise<Notebook[]> {
    return await notebooksOf(await this.#visible(session, new Set(uids), containers), containers);
  }

  /** May the viewer, who sees the notebook, save it as it is now? It takes a namespace to save it into; work may begin anywhere. */
  maySave(session: Session, { state, layerCount }: Notebook): boolean {
    const isSavable = state === 'running' && layerCount !== null;
    return isSavable && session.allowedOn('image:create')?.length !== 0;
  }

  /** What a notebook's files take, as of half a minute ago at the most; `null` where the engine does not say in time, or cannot. */
  async footprint(notebook: Notebook, deadline: AbortSignal): Promise<ContainerFootprint | null> {
    return await this.#files.footprint(notebook, deadline);
  }

  /** The same of several notebooks, in their order. */
  async footprints(notebooks: readonly Notebook[]): Promise<(ContainerFootprint | null)[]> {
    const deadline = AbortSignal.timeout(this.answerMs);
    return await Promise.all(notebooks.map((notebook) => this.#files.footprint(notebook, deadline)));
  }

  /** Files with credentials that a notebook has written, as {@link footprint} knows of what it has written. */
  async credentialFiles(notebook: Notebook, deadline: AbortSignal): Promise<CredentialFiles | null> {
    return await this.#files.credentials(notebook, deadline);
  }

  /**
   * Those of the engine's containers that are notebooks for this viewer. First comes who may see them, by all their labels: their
   * images' labels only take away from that. So the engine is asked nothing more of containers that the viewer may not see, and
   * what it answers about those, or how long that takes, cannot be told from their not being there.
   */
  async #visible(
    session: Session,
    wanted: ReadonlySet<string> | null,
    containers: NotebookContainers,
  ): Promise<Seen[]> {
    const claims = (await containers.all()).flatMap((container) => {
      const claim = readClaim(this.labels, container.labels);
      return claim.id !== null && isUuid(claim.id) ? [{ container, claim, id: claim.id }] : [];
    });
    if (claims.length === 0) return [];
    // Of all of them: whether one notebook is asked for that there is shows in no statement.
    const names = claims.flatMap(({ claim }) => claim.workspace ?? []);
    const [byName, fallback] = await Promise.all([this.workspaces.byNames(names), this.workspaces.default()]);
    const seesAll = session.can('notebook:read-any');
    const mayBeSeen = (claim: NotebookClaim) => {
      // A name that no workspace has: its owners are nobody.
      const workspace = claim.workspace === null ? fallback : byName.get(claim.workspace);
      const isTheirs =
        claim.isPlaced && workspace !== undefined && session.can('notebook:read', workspace.id);
      return seesAll || claim.owner === session.user.name || isTheirs;
    };
    const open = claims
      .filter(({ id, claim }) => (wanted?.has(id) ?? true) && mayBeSeen(claim))
      .map(({ container }) => container);
    const images = await imagesOf(session, open, containers);
    const seen = open.flatMap((container): Seen[] => {
      const image = images.get(container.imageId) ?? null;
      // All its labels may be that image's. Nothing can be saved of it anyway.
      if (image === null && !seesAll) return [];
      const claim = readClaim(this.labels, container.labels, image?.labels);
      if (claim.id === null || !mayBeSeen(claim)) return [];
      const workspace = byName.get(claim.workspace ?? '') ?? fallback;
      return [{ id: claim.id, claim, container, image, workspace }];
    });
    const groups = [...Map.groupBy(seen, ({ id }) => id).values()];
    const chosen = await inParallel(groups, AT_A_TIME, (group) => chooseFrom(group, containers));
    return chosen.filter((one) => one !== null);
  }
}

/** The images that containers run, by their ids. */
async function imagesOf(
  session: Session,
  found: readonly ContainerSummary[],
  containers: NotebookContainers,
): Promise<ReadonlyMap<string, EngineImage | null>> {
  const ids = [...new Set(found.map(({ imageId }) => imageId))];
  const images = await inParallel(ids, AT_A_TIME, async (id) => {
    const image = containers.image(id);
    // Administrators see all containers whatever their images say; to others it matters.
    return session.can('notebook:read-any') ? await unlessUnavailable(image, null) : await image;
  });
  return new Map(ids.map((id, index) => [id, images[index] ?? null]));
}

/** One container for each notebook; older ones may still be there. */
async function chooseFrom(group: readonly Seen[], containers: NotebookContainers): Promise<Seen | null> {
  if (group.length === 1) return group[0] ?? null;
  const started = await inParallel(group, AT_A_TIME, async (seen) => {
    const details = await unlessUnavailable(containers.details(seen.container.id), null);
    return { ...seen, startedAt: details?.startedAt ?? null };
  });
  return currentOf(started);
}

/** Without those whose containers have gone meanwhile. One that the engine does not describe is what it is in the list. */
async function notebooksOf(found: readonly Seen[], containers: NotebookContainers): Promise<Notebook[]> {
  const notebooks = await inParallel(found, AT_A_TIME, async (seen): Promise<Notebook | null> => {
    const { id, claim, container, image, workspace } = seen;
    const undescribed = { ...container, startedAt: null, mounts: null };
    const details: Described | null = await unlessUnavailable(containers.details(container.id), undescribed);
    if (details === null) return null;
    return {
      id,
      name: nameOf(seen),
      workspace,
      ownerName: claim.owner,
      state: details.state,
      image: details.image,
      imageReferences: image?.references ?? [],
      layerCount: image?.layerCount ?? null,
      containerId: details.id,
      startedAt: details.startedAt,
      uncapturedMounts: details.mounts,
    };
  });
  return notebooks.filter((notebook) => notebook !== null);
}

type Described = ContainerSummary &
  Pick<ContainerDetails, 'startedAt'> & { readonly mounts: readonly string[] | null };

async function unlessUnavailable<T, U>(answer: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof UnavailableError) return otherwise;
    throw error;
  }
}

const nameOf = ({ id, claim }: Pick<Seen, 'id' | 'claim'>): string => claim.name ?? id;

function compare(a: Place, b: Place): number {
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
