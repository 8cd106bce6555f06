import type { ContainerState } from '../engine/container-engine.ts';

type Labels = Readonly<Record<string, string>>;

/** The labels by which a container is known as a notebook: the keys. */
export interface NotebookLabels {
  readonly id: string;
  readonly name: string;
  readonly workspace: string;
  readonly owner: string;
}

/** What a container's own labels say of it as a notebook; `null` where it has no such label. */
export type NotebookClaim = { readonly [label in keyof NotebookLabels]: string | null } & {
  /** False where its workspace is only what its image says, or the same: then nobody has a right to it by where it runs. */
  readonly isPlaced: boolean;
};

/**
 * Reads the labels that a container was given when it was started. Those that it has from its image do not count: who writes a
 * Dockerfile says nothing of whose the containers are that others start from it.
 *
 * @param imageLabels none where the engine has the image no more; nothing can be saved of such a container
 */
export function readClaim(keys: NotebookLabels, labels: Labels, imageLabels: Labels = {}): NotebookClaim {
  const own = (key: string) => (labels[key] && labels[key] !== imageLabels[key] ? labels[key] : null);
  return {
    id: own(keys.id)?.toLowerCase() ?? null,
    name: own(keys.name),
    workspace: own(keys.workspace),
    owner: own(keys.owner),
    isPlaced: own(keys.workspace) !== null || !labels[keys.workspace],
  };
}

const STATES: readonly ContainerState[] = ['running', 'paused', 'stopped'];

/** Of containers that say they are one notebook, those that its user may be working in. */
export function mostAlive<T extends { readonly container: { readonly state: ContainerState } }>(
  candidates: readonly T[],
): T[] {
  const rankOf = ({ container }: T) => STATES.indexOf(container.state);
  const best = Math.min(...candidates.map(rankOf));
  return candidates.filter((candidate) => rankOf(candidate) === best);
}
