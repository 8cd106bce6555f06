import type { Session } from '../auth/session.ts';
import {
  type ContainerDetails,
  type ContainerEngine,
  type ContainerFootprint,
  type ContainerState,
  type ContainerSummary,
  EngineError,
  type EngineImage,
} from '../engine/container-engine.ts';
import { UnavailableError } from '../shared/errors.ts';
import { isUuid } from '../shared/global-id.ts';
import { inParallel } from '../shared/in-parallel.ts';
import { once, type Page, type PageArgs, type Place, readWindow, toPage } from '../shared/keyset.ts';
import type { Workspace } from '../workspace/workspace.entity.ts';
import type { WorkspaceService } from '../workspace/workspace.service.ts';
import { credentialFilesAmong } from './credential-files.rules.ts';
import { mostAlive, type NotebookClaim, type NotebookLabels, readClaim } from './notebook-labels.rules.ts';

/** How long the engine has for all that one answer needs of it. */
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
  readonly imageId: string;
  /** Under what names registries have that image: `host/path@sha256:…`. */
  readonly imageReferences: readonly string[];
  /** Of that image; `null` where the engine has it no more. */
  readonly layerCount: number | null;
  readonly containerId: string;
  readonly startedAt: Date | null;
  readonly uncapturedMounts: readonly string[];
}

/** Files that a notebook has written and that by their names hold credentials. */
export interface CredentialFiles {
  /** Absolute paths, in order. */
  readonly paths: readonly string[];
  /** False where there was too much to look at: then some may be missing. */
  readonly complete: boolean;
}

/** A container that says it is a notebook, by labels of its own. */
interface Candidate {
  readonly id: string;
  readonly claim: NotebookClaim;
  readonly container: ContainerSummary;
  readonly image: EngineImage | null;
}

/** Finds notebooks in the engine. A notebook is seen by its owner, by owners of its workspace and by administrators. */
export class NotebookService {
  constructor(
    private readonly engine: ContainerEngine | null,
    private readonly labels: NotebookLabels,
    private readonly workspaces: WorkspaceService,
    private readonly answerMs = ANSWER_MS,
  ) {}

  /** The notebooks that the viewer may see, by name. What it shows fails with UnavailableError where no engine answers. */
  async page(
    session: Session,
    workspaceUid: string | null | undefined,
    args: PageArgs,
  ): Promise<Page<Notebook>> {
    const window = readWindow('notebooks', 'text', args);
    const list = once(async () =>
      (await this.#visible(session, null, this.deadline()))
        .filter(({ workspace }) => !workspaceUid || workspace.id === workspaceUid)
        .map((found) => ({ ...found, place: { value: nameOf(found), id: found.id } }))
        .sort((a, b) => compare(a.place, b.place)),
    );
    const read = async () => {
      const { after } = window;
      const all = await list();
      const deadline = this.deadline();
      let rest = after === null ? all : all.filter(({ place }) => compare(place, after) > 0);
      const shown: Notebook[] = [];
      // Once, but for containers that have gone since they were listed.
      while (rest.length > 0 && shown.length <= window.limit) {
        const count = window.limit + 1 - shown.length;
        shown.push(...(await this.#details(rest.slice(0, count), deadline)));
        rest = rest.slice(count);
      }
      return shown;
    };
    const placeOf = (notebook: Notebook) => ({ value: notebook.name, id: notebook.id });
    return toPage('notebooks', window, read, placeOf, async () => (await list()).length);
  }

  /** One notebook; `null` where there is none of this id that the viewer may see. */
  async find(session: Session, uid: string, deadline?: AbortSignal): Promise<Notebook | null> {
    const [notebook] = await this.byIds(session, [uid], deadline);
    return notebook ?? null;
  }

  /** Those of these notebooks that the viewer may see. */
  async byIds(
    session: Session,
    uids: readonly string[],
    deadline: AbortSignal = this.deadline(),
  ): Promise<Notebook[]> {
    return await this.#details(await this.#visible(session, new Set(uids), deadline), deadline);
  }

  /** For several questions about one notebook that are to be answered together within the time of one. */
  deadline(): AbortSignal {
    return AbortSignal.timeout(this.answerMs);
  }

  /** What a notebook's files take; `null` where the engine does not say in time, or cannot. */
  async footprint(notebook: Notebook, deadline?: AbortSignal): Promise<ContainerFootprint | null> {
    const [footprint = null] = await this.footprints([notebook], deadline);
    return footprint;
  }

  /** The same of several notebooks, in their order. */
  async footprints(
    notebooks: readonly Notebook[],
    deadline: AbortSignal = this.deadline(),
  ): Promise<(ContainerFootprint | null)[]> {
    return await inParallel(notebooks, AT_A_TIME, ({ containerId }) =>
      this.#askInTime(deadline, (engine, options) => engine.footprint(containerId, options)),
    );
  }

  /** By their names alone, their contents are not looked at; `null` where the engine does not say in time, or cannot. */
  async credentialFiles(
    { containerId, uncapturedMounts }: Notebook,
    deadline: AbortSignal = this.deadline(),
  ): Promise<CredentialFiles | null> {
    const changed = await this.#askInTime(deadline, (engine, options) =>
      engine.changedPaths(containerId, options),
    );
    if (changed === null) return null;
    return { ...changed, paths: credentialFilesAmong(changed.paths, uncapturedMounts) };
  }

  async #visible(
    session: Session,
    wanted: ReadonlySet<string> | null,
    deadline: AbortSignal,
  ): Promise<(Candidate & { readonly workspace: Workspace })[]> {
    const candidates = await this.#candidates(wanted, deadline);
    if (candidates.length === 0) return [];
    const names = candidates.flatMap(({ claim }) => claim.workspace ?? []);
    const [byName, fallback] = await Promise.all([this.workspaces.byNames(names), this.workspaces.default()]);
    return candidates
      .map((candidate) => ({
        ...candidate,
        workspace: byName.get(candidate.claim.workspace ?? '') ?? fallback,
      }))
      .filter(
        ({ claim, workspace }) =>
          session.isAdmin ||
          claim.owner === session.user.name ||
          (claim.isPlaced && session.can('notebook:save-any', workspace.id)),
      );
  }

  /** One container for each notebook. */
  async #candidates(wanted: ReadonlySet<string> | null, deadline: AbortSignal): Promise<Candidate[]> {
    const all = await this.#ask(deadline, (engine, options) => engine.containers(this.labels.id, options));
    const containers = all.filter(({ labels }) => {
      const { id } = readClaim(this.labels, labels);
      return id !== null && isUuid(id) && (wanted === null || wanted.has(id));
    });
    const imageIds = [...new Set(containers.map(({ imageId }) => imageId))];
    const found = await inParallel(imageIds, AT_A_TIME, (imageId) =>
      this.#ask(deadline, (engine, options) => engine.image(imageId, options)),
    );
    const images = new Map(imageIds.map((imageId, index) => [imageId, found[index] ?? null]));
    const candidates = containers.flatMap((container): Candidate[] => {
      const image = images.get(container.imageId) ?? null;
      const claim = readClaim(this.labels, container.labels, image?.labels);
      return claim.id === null ? [] : [{ id: claim.id, claim, container, image }];
    });
    const groups = [...Map.groupBy(candidates, ({ id }) => id).values()];
    const chosen = await inParallel(groups, AT_A_TIME, (group) => this.#newest(group, deadline));
    return chosen.filter((candidate) => candidate !== null);
  }

  /** Of one notebook's containers the one that it is now; older ones may still be there. */
  async #newest(candidates: readonly Candidate[], deadline: AbortSignal): Promise<Candidate | null> {
    const alive = mostAlive(candidates);
    if (alive.length === 1) return alive[0] ?? null;
    const placed = await inParallel(alive, AT_A_TIME, async (candidate) => {
      const { id } = candidate.container;
      const details = await this.#container(id, deadline);
      return { candidate, place: { value: details?.startedAt?.getTime() ?? 0, id } };
    });
    return placed.sort((a, b) => compare(b.place, a.place))[0]?.candidate ?? null;
  }

  /** Without those whose containers have gone meanwhile. */
  async #details(
    found: readonly (Candidate & { readonly workspace: Workspace })[],
    deadline: AbortSignal,
  ): Promise<Notebook[]> {
    const notebooks = await inParallel(found, AT_A_TIME, async (candidate): Promise<Notebook | null> => {
      const container = await this.#container(candidate.container.id, deadline);
      if (container === null) return null;
      const { id, claim, image, workspace } = candidate;
      return {
        id,
        name: nameOf(candidate),
        workspace,
        ownerName: claim.owner,
        state: container.state,
        image: container.image,
        imageId: container.imageId,
        imageReferences: image?.references ?? [],
        layerCount: image?.layerCount ?? null,
        containerId: container.id,
        startedAt: container.startedAt,
        uncapturedMounts: container.mounts,
      };
    });
    return notebooks.filter((notebook) => notebook !== null);
  }

  async #container(id: string, deadline: AbortSignal): Promise<ContainerDetails | null> {
    return await this.#ask(deadline, (engine, options) => engine.container(id, options));
  }

  async #ask<T>(deadline: AbortSignal, question: Question<T>): Promise<T> {
    if (this.engine === null) {
      throw new UnavailableError('This server has no container engine, so it knows of no notebooks.');
    }
    try {
      return await question(this.engine, { signal: deadline });
    } catch (error) {
      if (!(error instanceof EngineError) && !deadline.aborted) throw error;
      throw new UnavailableError('The container engine does not answer; try again in a while.', {
        cause: error,
      });
    }
  }

  /** For what takes the engine work: `null` where that takes too long, or where it fails at it. */
  async #askInTime<T>(deadline: AbortSignal, question: Question<T>): Promise<T | null> {
    return await this.#ask(deadline, async (engine, options) => {
      try {
        return await question(engine, options);
      } catch (error) {
        const isAway = error instanceof EngineError && error.reason === 'ENGINE_UNAVAILABLE';
        if (deadline.aborted || (error instanceof EngineError && !isAway)) return null;
        throw error;
      }
    });
  }
}

type Question<T> = (engine: ContainerEngine, options: { readonly signal: AbortSignal }) => Promise<T>;

const nameOf = ({ id, claim }: Candidate): string => claim.name ?? id;

function compare(a: Place, b: Place): number {
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
