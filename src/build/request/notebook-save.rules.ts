import type { ContainerFootprint } from '../../engine/container-engine.ts';
import type { Notebook } from '../../notebook/notebook.service.ts';
import type { CredentialFiles } from '../../notebook/notebook-files.ts';
import { excerpt } from '../../shared/excerpt.ts';
import type { Problems } from '../../shared/problems.ts';

/** How large saved images may be. */
export interface SaveLimits {
  readonly maxLayers: number;
  /** Uncompressed; `null`: any size. */
  readonly maxBytes: number | null;
}

/** What the image will take, before compression. */
export interface SaveEstimate {
  readonly sizeBytes: number;
  /** Of that, the layer that the save adds. */
  readonly writtenBytes: number;
  /** The added one included. */
  readonly layerCount: number;
}

const PATH = ['notebookId'];

/** Checks that the notebook, which nobody saves just now, is in a state to be saved. */
export function checkState({ state }: Notebook, problems: Problems): void {
  if (state === 'stopped') {
    problems.add('NOTEBOOK_NOT_RUNNING', PATH, 'the notebook is stopped; start it first', {
      status: 'STOPPED',
    });
  }
  if (state === 'paused') {
    // An earlier save may have left it so, until a worker has cleared up.
    const message =
      'the notebook is paused; resume it first, or wait a moment if a save of it has just ended';
    problems.add('NOTEBOOK_NOT_RUNNING', PATH, message, { status: 'PAUSED' });
  }
}

/** Checks what the notebook was started from: one layer more has to fit on it. */
export function checkLayers(
  { image, layerCount }: Notebook,
  { maxLayers }: SaveLimits,
  problems: Problems,
): void {
  if (layerCount === null) {
    const message = `the engine has the image ${excerpt(image)}, which the notebook runs, no more, or cannot read it: nothing can be laid on it; start the notebook anew from an image that is there`;
    problems.add('REFERENCE_NOT_FOUND', PATH, message, { image });
  } else if (layerCount >= maxLayers) {
    const current = layerCount + 1;
    problems.add('TOO_MANY', PATH, tooManyLayers(current, maxLayers), { max: maxLayers, current });
  }
}

export const tooManyLayers = (current: number, max: number): string =>
  `the image would have ${current} layers, and may have at most ${max}: build the notebook's image anew from a Dockerfile, or start the notebook from an image with fewer layers`;

/** Checks how large the image would be. */
export function checkSize(
  { sizeBytes, writtenBytes }: ContainerFootprint,
  { maxBytes }: SaveLimits,
  problems: Problems,
): void {
  if (maxBytes === null || sizeBytes <= maxBytes) return;
  const message = `the image would take ${sizeBytes} bytes before compression, and may take at most ${maxBytes}; the notebook has written ${writtenBytes} of them: delete what need not be in the image, or keep it on a volume, and try again after half a minute, when it is counted anew`;
  problems.add('OUT_OF_RANGE', PATH, message, { max: maxBytes, current: sizeBytes });
}

const MAX_NAMED = 20;

/** What is not wrong with a save, but worth knowing before. */
export function saveWarnings({
  mounts,
  pause,
  estimate,
  credentials,
}: {
  readonly mounts: readonly string[];
  readonly pause: boolean;
  readonly estimate: SaveEstimate | null;
  readonly credentials: CredentialFiles | null;
}): string[] {
  return [
    ...mountWarnings(mounts),
    'what processes hold in memory will not be in the image: save open notebooks and files first',
    ...(pause
      ? []
      : [
          'the notebook goes on while its files are copied: those that are written meanwhile may be in the image by halves; leave out pause: false, or write nothing until the save is done',
        ]),
    ...(estimate === null
      ? [
          'the engine did not say, in time or at all, how large the image will be; with much to copy the save takes long',
        ]
      : []),
    ...credentialWarnings(credentials),
  ];
}

function mountWarnings(mounts: readonly string[]): string[] {
  const more = mounts.length - MAX_NAMED;
  return [
    ...mounts
      .slice(0, MAX_NAMED)
      .map(
        (mount) =>
          `${excerpt(mount)} is a volume or a mount: it will not be in the image; copy what has to be in it elsewhere first`,
      ),
    ...(more > 0 ? [`${more} more volumes and mounts will not be in the image either`] : []),
  ];
}

/** @param files `null` where the engine did not say */
export function credentialWarnings(files: CredentialFiles | null): string[] {
  if (files === null) {
    return [
      'the engine did not say, in time or at all, what the notebook has written, so nobody has looked for files with credentials; see to it that there are none',
    ];
  }
  const { paths, complete } = files;
  const named = paths.slice(0, MAX_NAMED).map((path) => excerpt(path));
  const more = paths.length > MAX_NAMED ? ` and ${paths.length - MAX_NAMED} more` : '';
  return [
    ...(paths.length === 0
      ? []
      : [
          `by their names these files hold credentials, which everybody who may pull the image could read; delete them before you save, or keep them on a volume: ${named.join(', ')}${more}`,
        ]),
    ...(complete
      ? []
      : [
          'the notebook has written too many files to look at all their names: there may be more with credentials',
        ]),
  ];
}
