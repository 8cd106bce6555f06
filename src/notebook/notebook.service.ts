import type { Session } from '../auth/session.ts';
import type {
  ContainerDetails,
  ContainerEngine,
  ContainerState,
  ContainerSummary,
} from '../engine/container-engine.ts';
import { EngineError } from '../engine/container-engine.ts';
import { UnavailableError } from '../shared/errors.ts';
import { isUuid } from '../shared/global-id.ts';
import { once, type Page, type PageArgs, readWindow, toPage } from '../shared/keyset.ts';
import type { Workspace } from '../workspace/workspace.entity.ts';
import type { WorkspaceService } from '../workspace/workspace.service.ts';

/** The labels by which a container is known as a notebook. */
export interface NotebookLabels {
  readonly id: string;
  readonly name: string;
  readonly workspace: string;
  readonly owner: string;
}

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

/** Finds notebooks in the engine. A notebook is seen by its owner, by owners of its workspace and by administrators. */
export class NotebookService {
  constructor(
    private readonly engine: ContainerEngine | null,
    private readonly labels: NotebookLabels,
    private readonly workspaces: WorkspaceService,
  ) {}

  /** The notebooks that the viewer may see, by name. What it shows fails with UnavailableError where no engine answers. */
  async page(
    session: Session,
    workspaceUid: string | null | undefined,
    args: PageArgs,
  ): Promise<Page<Notebook>> {
    const window = readWindow('notebooks', 'text', args);
    const list = once(async () =>
      (await this.#visible(session))
        .filter(({ workspace }) => !workspaceUid || workspace.id === workspaceUid)
        .map((candidate) => ({
          ...candidate,
          place: { value: this.#nameOf(candidate.container), id: candidate.uid },
        }))
        .sort((a, b) => compare(a.place, b.place)),
    );
    const read = async () => {
      const { after } = window;
      const all = await list();
      const rest = after === null ? all : all.filter(({ place }) => compare(place, after) > 0);
      const shown = rest.slice(0, window.limit + 1);
      const details = await Promise.all(shown.map(async (found) => await this.#details(found)));
      return details.filter((notebook) => notebook !== null);
    };
    const placeOf = (notebook: Notebook) => ({ value: notebook.name, id: notebook.id });
    return toPage('notebooks', window, read, placeOf, async () => (await list()).length);
  }

  /** One notebook; `null` where there is none of this id that the viewer may see. */
  async find(session: Session, uid: string): Promise<Notebook | null> {
    const [notebook] = await this.byIds(session, [uid]);
    return notebook ?? null;
  }

  /** Those of these notebooks that the viewer may see. */
  async byIds(session: Session, uids: readonly string[]): Promise<Notebook[]> {
    const wanted = (await this.#visible(session)).filter(({ uid }) => uids.includes(uid));
    const details = await Promise.all(wanted.map(async (found) => await this.#details(found)));
    return details.filter((notebook) => notebook !== null);
  }

  async #visible(
    session: Session,
  ): Promise<{ uid: string; container: ContainerSummary; workspace: Workspace }[]> {
    const containers = await this.#ask(async (engine) => await engine.containers(this.labels.id));
    if (containers.length === 0) return [];
    const names = containers.map((container) => container.labels[this.labels.workspace] ?? '');
    const [byName, fallback] = await Promise.all([this.workspaces.byNames(names), this.workspaces.default()]);
    return containers
      .map((container) => ({
        container,
        uid: (container.labels[this.labels.id] ?? '').toLowerCase(),
        workspace: byName.get(container.labels[this.labels.workspace] ?? '') ?? fallback,
      }))
      .filter(({ uid }) => isUuid(uid))
      .filter(
        ({ container, workspace }) =>
          container.labels[this.labels.owner] === session.user.name ||
          session.can('notebook:save-any', workspace.id),
      );
  }

  async #details(found: {
    uid: string;
    container: ContainerSummary;
    workspace: Workspace;
  }): Promise<Notebook | null> {
    const container: ContainerDetails | null = await this.#ask(
      async (engine) => await engine.container(found.container.id),
    );
    if (container === null) return null;
    const image = await this.#ask(async (engine) => await engine.image(container.imageId));
    return {
      id: found.uid,
      name: this.#nameOf(container),
      workspace: found.workspace,
      ownerName: container.labels[this.labels.owner] ?? null,
      state: container.state,
      image: container.image,
      imageId: container.imageId,
      imageReferences: image?.references ?? [],
      layerCount: image?.layerCount ?? null,
      containerId: container.id,
      startedAt: container.startedAt,
      uncapturedMounts: container.mounts,
    };
  }

  #nameOf(container: ContainerSummary): string {
    return container.labels[this.labels.name] ?? container.labels[this.labels.id] ?? container.id;
  }

  async #ask<T>(question: (engine: ContainerEngine) => Promise<T>): Promise<T> {
    if (this.engine === null) {
      throw new UnavailableError('This server has no container engine, so it knows of no notebooks.');
    }
    try {
      return await question(this.engine);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      throw new UnavailableError('The container engine does not answer; try again in a while.', {
        cause: error,
      });
    }
  }
}

function compare(
  a: { value: string | number; id: string },
  b: { value: string | number; id: string },
): number {
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
