import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { RegistryImage } from '../registry/image-registry.ts';
import type { Problems } from '../shared/problems.ts';
import type { ImageContent } from './content/image-content.ts';
import type { EditableField, Image, LastChange } from './image.entity.ts';
import { architectureOf, canMove, isUnfinished } from './image.rules.ts';
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

/** What an image's row has of what people say; an architecture that nobody has said is what the registry says. */
export function saidOf(
  { name, tag, origin, content }: ImageDraft,
  found: RegistryImage | null,
): Pick<Image, 'name' | 'tag' | 'origin' | keyof ImageContent> {
  const architecture = content.architecture ?? architectureOf(found?.architecture ?? null);
  return { ...content, name, tag, origin, architecture };
}

/** What an edit changes besides what was said in it, because a registry was asked. */
export function changedByLooking(
  image: Image,
  said: Pick<Image, 'architecture'>,
  facts: Partial<ReturnType<typeof factsOf>>,
  changed: readonly EditableField[],
): EditableField[] {
  const isElsewhere = Object.entries(facts).some(
    ([name, value]) => !isDeepStrictEqual(value, image[name as keyof typeof facts]),
  );
  const fields = [
    ...(isElsewhere ? (['reference'] as const) : []),
    ...(said.architecture === image.architecture ? [] : (['architecture'] as const)),
  ];
  return fields.filter((field) => !changed.includes(field));
}

/** Where an image stands after its registry was asked: what is no longer there is in ERROR until it is there again. */
export function stateAfter(
  { status, statusMessage }: Pick<Image, 'status' | 'statusMessage'>,
  answer: RegistryImage | 'GONE' | null,
): Pick<Image, 'status' | 'statusMessage'> {
  if (answer === 'GONE' && canMove(status, 'ERROR')) {
    return { status: 'ERROR', statusMessage: 'the registry no longer has it' };
  }
  const isBack = answer !== null && answer !== 'GONE' && status === 'ERROR';
  return isBack ? { status: 'ACTIVE', statusMessage: null } : { status, statusMessage };
}

/** The row of an image that people bring into the catalogue. */
export function newImageRow(
  draft: ImageDraft,
  found: RegistryImage | null,
  now: Date,
): Omit<Image, 'namespaceId' | 'workspaceId' | 'createdById'> {
  return {
    id: randomUUID(),
    ...saidOf(draft, found),
    ...factsOf(draft, found),
    type: 'DEDICATED',
    status: 'ACTIVE',
    statusBefore: null,
    statusMessage: null,
    sourceBuildId: null,
    sourceNotebookId: null,
    sourceImageId: null,
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
  const refuse = (path: string, isAhead: boolean, isNew: (change: LastChange) => boolean) => {
    const edited = Object.entries(image.lastChanges).filter(([, change]) => isNew(change));
    // A build moves an image on without an edit.
    const moved = isAhead ? [] : ['status'];
    const changed = edited.length > 0 ? edited.map(([field]) => field).sort() : moved;
    const what = isAhead ? 'the image was never so' : `the image has changed since (${changed.join(', ')})`;
    const details = { version: image.version, updatedAt: image.updatedAt.toISOString(), changed };
    problems.add('STALE', [path], `${what}: read it again and repeat the edit`, details);
  };
  if (typeof version === 'number' && version !== image.version) {
    refuse('expectedVersion', version > image.version, (change) => change.version > version);
  }
  if (at instanceof Date && at.getTime() !== image.updatedAt.getTime()) {
    refuse('ifUpdatedAt', at > image.updatedAt, (change) => Date.parse(change.at) > at.getTime());
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
