import type { ContainerState } from '../engine/container-engine.ts';
import { MAX_DISPLAY_NAME } from '../shared/text.rules.ts';

type Labels = Readonly<Record<string, string>>;

/** The labels by which a container is known as a notebook: the keys. */
export interface NotebookLabels {
  readonly id: string;
  readonly name: string;
  readonly workspace: string;
  readonly owner: string;
}

/** What a container's own labels say of it as a notebook; `null` where it has no such label, or one that no text can hold. */
export type NotebookClaim = { readonly [label in keyof NotebookLabels]: string | null } & {
  /**
   * False where its workspace is only what its image says, or the same, or nothing that can be read: then nobody has a right to it
   * by where it runs.
   */
  readonly isPlaced: boolean;
};

/**
 * Reads the labels that a container was given when it was started. Those that it has from its image do not count: who writes a
 * Dockerfile says nothing of whose the containers are that others start from it. So with its image's labels a container never
 * claims more than without them.
 *
 * @param imageLabels none where they are not known, or not yet
 */
export function readClaim(keys: NotebookLabels, labels: Labels, imageLabels: Labels = {}): NotebookClaim {
  const own = (key: string) => {
    const value = labels[key];
    return value && value !== imageLabels[key] && isText(value) ? value : null;
  };
  const name = own(keys.name);
  const workspace = own(keys.workspace);
  return {
    id: own(keys.id)?.toLowerCase() ?? null,
    name: name && beginningOf(name),
    workspace,
    owner: own(keys.owner),
    isPlaced: workspace !== null || !labels[keys.workspace],
  };
}

/** PostgreSQL, which is asked for some and keeps others, takes neither U+0000 nor half a surrogate pair. */
const isText = (value: string): boolean => !value.includes('\0') && value.isWellFormed();

/** As much of a name as people read. A code point is at most two UTF-16 units. */
const beginningOf = (name: string): string =>
  [...name.slice(0, 2 * MAX_DISPLAY_NAME)].slice(0, MAX_DISPLAY_NAME).join('');

/** A container that says it is a notebook, as far as that decides which one the notebook is. */
export interface Candidate {
  readonly claim: Pick<NotebookClaim, 'owner'>;
  readonly container: { readonly id: string; readonly state: ContainerState };
  /** `null`: never, or the engine does not say. */
  readonly startedAt: Date | null;
}

const STATES: readonly ContainerState[] = ['running', 'paused', 'stopped'];

/**
 * Of containers that say they are one notebook, the one that it is now. Those of one owner are the notebook before and after it was
 * started anew: the one that its user may be working in counts, and of several the newest. Of several owners, somebody has given
 * a second notebook the UUID of the first: it stays the first one's, whose container was started before all others.
 */
export function currentOf<T extends Candidate>(candidates: readonly T[]): T | null {
  const [first] = candidates.toSorted(byStart(Number.POSITIVE_INFINITY));
  const rankOf = ({ container }: T) => STATES.indexOf(container.state);
  const [current] = candidates
    .filter(({ claim }) => claim.owner === first?.claim.owner)
    .toSorted((a, b) => rankOf(a) - rankOf(b) || byStart(0)(b, a));
  return current ?? null;
}

/** @param never when those were started that were not */
function byStart(never: number) {
  const timeOf = ({ startedAt }: Candidate) => startedAt?.getTime() ?? never;
  return (a: Candidate, b: Candidate): number => {
    const [first, second] = [timeOf(a), timeOf(b)];
    if (first !== second) return first < second ? -1 : 1;
    return a.container.id < b.container.id ? -1 : 1;
  };
}
