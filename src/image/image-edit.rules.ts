import { randomUUID } from 'node:crypto';
import type { RegistryImage } from '../registry/image-registry.ts';
import type { Problems } from '../shared/problems.ts';
import type { EditableField, Image } from './image.entity.ts';
import { architectureOf, isUnfinished } from './image.rules.ts';
import type { ImageDraft } from './image-draft.rules.ts';
import type { NamedReference } from './image-name.rules.ts';

/** What an image's row says about where it lies; size and layers only where its registry was asked. */
export function factsOf(
  { reference, registryHost, repository, digest }: NamedReference,
  found: RegistryImage | null,
): Pick<Image, 'reference' | 'registryHost' | 'repository' | 'digest' | 'sizeBytes' | 'layers'> {
  return {
    reference,
    registryHost,
    repository,
    digest: found?.digest ?? digest,
    sizeBytes: found?.sizeBytes ?? null,
    layers: found?.layers ?? [],
  };
}

/** The row of an image that people bring into the catalogue. */
export function newImageRow(
  draft: ImageDraft,
  found: RegistryImage | null,
  now: Date,
): Omit<Image, 'namespaceId' | 'workspaceId' | 'createdById'> {
  return {
    id: randomUUID(),
    ...draft.content,
    ...factsOf(draft, found),
    name: draft.name,
    tag: draft.tag,
    architecture: draft.content.architecture ?? architectureOf(found?.architecture ?? null),
    origin: draft.origin,
    type: 'DEDICATED',
    status: 'ACTIVE',
    statusBefore: null,
    statusMessage: null,
    sourceBuildId: null,
    sourceNotebookId: null,
    replacesId: null,
    version: 1,
    lastChanges: {},
    createdAt: now,
    updatedAt: now,
    deletedAt: null,
  };
}

/** Notes an edit in the image's row: who has read it before will be told what has changed since. */
export function recordEdit(image: Image, fields: readonly EditableField[]): void {
  // Later than the one before even within a millisecond, so that `ifUpdatedAt` tells two edits apart.
  image.updatedAt = new Date(Math.max(Date.now(), image.updatedAt.getTime() + 1));
  image.version += 1;
  const change = { version: image.version, at: image.updatedAt.toISOString() };
  image.lastChanges = {
    ...image.lastChanges,
    ...Object.fromEntries(fields.map((field) => [field, change])),
  };
}

/** Refuses an edit of an image that has been changed since it was read, and says what has changed. */
export function checkFresh(
  image: Image,
  read: {
    readonly expectedVersion?: number | null | undefined;
    readonly ifUpdatedAt?: Date | null | undefined;
  },
  problems: Problems,
): void {
  const { expectedVersion: version, ifUpdatedAt: at } = read;
  const refuse = (path: string, isNew: (change: { version: number; at: string }) => boolean) => {
    const fields = Object.entries(image.lastChanges).filter(([, change]) => isNew(change));
    // A build moves an image on without an edit.
    const changed = fields.length > 0 ? fields.map(([field]) => field) : ['status'];
    const message = `the image has changed since (${changed.join(', ')}): read it again and repeat the edit`;
    const details = { version: image.version, updatedAt: image.updatedAt.toISOString(), changed };
    problems.add('STALE', [path], message, details);
  };
  if (typeof version === 'number' && version !== image.version) {
    refuse('expectedVersion', (change) => change.version > version);
  }
  if (at instanceof Date && at.getTime() !== image.updatedAt.getTime()) {
    refuse('ifUpdatedAt', (change) => Date.parse(change.at) > at.getTime());
  }
}

/** Refuses edits that would say something false of an image that was made here. */
export function checkEditable(image: Image, changed: readonly EditableField[], problems: Problems): void {
  if (image.sourceBuildId === null) return;
  if (changed.includes('reference')) {
    const message = 'a build or a save has made this image, so it keeps its reference; register another one';
    problems.add('NOT_ALLOWED', ['reference'], message);
  }
  if (!isUnfinished(image.status)) return;
  for (const field of ['namespace', 'name', 'tag'] as const) {
    if (!changed.includes(field)) continue;
    const message = `the image is ${image.status}: change this when it is made`;
    problems.add('NOT_ALLOWED', [field], message, { status: image.status });
  }
}
