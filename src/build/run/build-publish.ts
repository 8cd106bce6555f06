import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockMode } from '@mikro-orm/core';
import { type EntityManager, kysely } from '../../db/orm.ts';
import { isTaken } from '../../db/violations.ts';
import {
  type ContainerEngine,
  EngineError,
  type RegistryCredentials,
} from '../../engine/container-engine.ts';
import { NO_CONTENT } from '../../image/content/image-content.ts';
import { Image } from '../../image/image.entity.ts';
import { architectureOf, holdsName, isUnfinished, moveToDeleted } from '../../image/image.rules.ts';
import { findLive, lockRepository, sharingOf } from '../../image/image-access.ts';
import { type ImageRegistry, RegistryError, type RegistryImage } from '../../registry/image-registry.ts';
import { type ImageReference, parseImageReference } from '../../shared/image-reference.ts';
import type { Build } from '../build.entity.ts';
import { movePhase } from '../build.rules.ts';
import { type BuildStore, moveTo } from '../build.store.ts';
import type { BuildLogWriter } from '../log/build-log.writer.ts';
import type { BuildQuotaService } from '../quota/build-quota.service.ts';
import { registryPushes } from '../registry-pushes.ts';
import { mayHavePushed, tagStateOf } from '../registry-tag.ts';
import { forgetSecrets } from '../request/build-secrets.ts';
import type { BuildAttempt } from './build-attempt.ts';
import { BuildFailedError } from './build-settle.ts';

/** A push that fails for a passing reason is tried this often, with these pauses. */
const PUSH_PAUSES_MS = [1000, 3000, 8000];
/** How often a build looks whether another one is done pushing the same reference; its own time limit bounds the wait. */
const LOCK_LOOK_MS = 500;
/** How long the end of a build waits for the engine to forget what was pushed; later, that is done again. */
const RELEASE_MS = 5000;

export interface PublishTools {
  readonly em: EntityManager;
  readonly engine: ContainerEngine;
  readonly registry: ImageRegistry;
  readonly registryAuth: RegistryCredentials | null;
  readonly quotas: BuildQuotaService;
  readonly store: BuildStore;
  readonly attempt: BuildAttempt;
  readonly lines: BuildLogWriter;
  readonly signal: AbortSignal;
  /** Has the engine forget the image, once. */
  readonly release: (within?: AbortSignal) => Promise<void>;
}

/**
 * Pushes a built image, asks the registry what it now holds, and only then makes the catalogue's image ACTIVE and ends
 * the build, in one transaction.
 */
export async function publishImage(build: Build, imageId: string, tools: PublishTools): Promise<void> {
  const { lines, attempt, store, release } = tools;
  await enterPushing(build, tools);
  await store.change(attempt.fence, async (current, tx) => {
    await assertNameFree(tx, current);
    await assertRoom(tx, current, await lockImages(tx, current), null, tools);
  });
  await assertTagFree(build, tools);
  const pushed = await pushWithRetries(build, imageId, tools);
  attempt.pass('REGISTERING');
  // Before anybody is told: who pulls the image here at once must not have it taken away meanwhile.
  await release(AbortSignal.timeout(RELEASE_MS)).catch(() => undefined);
  await lines.say(`Pushed ${build.targetReference}@${pushed.digest}.`);
  await lines.finish({ hints: false });
  try {
    await attempt.change(async (current, tx, now) => {
      const images = await lockImages(tx, current);
      await assertRoom(tx, current, images, pushed.sizeBytes, tools);
      current.imageId = await activateImage(tx, current, images, pushed, now);
      moveTo(current, 'SUCCEEDED', now);
      await forgetSecrets(tx, current);
      movePhase(current, null, now);
    });
  } catch (error) {
    if (isTaken(error, 'image_catalogue_name')) throw nameTaken(build);
    if (error instanceof BuildFailedError && error.reason === 'QUOTA_EXCEEDED') {
      await takeBack(pushed.digest, tools);
    }
    throw error;
  }
}

/**
 * Removes a pushed image that there is no room for, as far as the registry can: nothing in the catalogue would lead to it. A tag
 * that an image of the catalogue names stays: what it led to before, nobody knows any more.
 */
async function takeBack(digest: string, { store, attempt, registry }: PublishTools): Promise<void> {
  await store.change(attempt.fence, async (build, tx) => {
    const { host, path } = targetOf(build);
    const tag = build.targetTag;
    await lockRepository(tx, path);
    const place = { registryHost: host, repository: path, tag, digest };
    const shared = await sharingOf(tx, place, build.imageId);
    if (shared.tag || shared.liveTag) return;
    const other = await registryPushes.pushing(tx, `${host}/${path}`, build.id);
    const manifestMayGo = !shared.manifest && other === null;
    await registry.removeTag(path, tag, digest, { manifestMayGo }).catch((error: unknown) => {
      // The build fails anyway, and its reason is the quota.
      if (!(error instanceof RegistryError)) throw error;
    });
  });
}

/** What a build pushes; it was checked when the build was asked for. */
function targetOf(build: Pick<Build, 'targetReference'>): ImageReference & { readonly host: string } {
  const parsed = parseImageReference(build.targetReference);
  if ('problem' in parsed || parsed.host === null)
    throw new Error(`unusable target ${build.targetReference}`);
  return { ...parsed, host: parsed.host };
}

/** Waits until no other build pushes the same reference: the database keeps at most one in PUSHING. */
async function enterPushing(build: Build, { attempt, lines, signal }: PublishTools): Promise<void> {
  for (let told = false; ; told = true) {
    try {
      // Waits until nobody removes anything from there, and whoever wants to afterwards sees this build.
      await attempt.enter('PUSHING', async (tx) => await lockRepository(tx, targetOf(build).path));
      await lines.say(`Pushing ${build.targetReference}`);
      return;
    } catch (error) {
      if (!isTaken(error, 'image_build_push_lock')) throw error;
      if (!told) await lines.say('Another build is pushing this tag; waiting for it.');
      await sleep(LOCK_LOOK_MS, undefined, { signal });
    }
  }
}

/** The name may have been taken since the build was asked for: found out before the tag in the registry is overwritten. */
async function assertNameFree(tx: EntityManager, build: Build): Promise<void> {
  const other = await findLive(tx, build.namespaceId, { name: build.targetName, tag: build.targetTag });
  if (other === null || other.id === build.imageId) return;
  if (other.type === 'BUILD_IN') throw nameBuiltIn(build);
  if (!build.overwriteTag) throw nameTaken(build);
}

/** The registry may hold a tag that no live image of the catalogue has. */
async function assertTagFree(build: Build, { em, registry, signal, lines }: PublishTools): Promise<void> {
  if (build.overwriteTag || (await mayHavePushed(kysely(em.fork()), build, build.attempt))) return;
  for (const pause of [...PUSH_PAUSES_MS, null]) {
    const state = await tagStateOf(registry, targetOf(build).path, build.targetTag, signal);
    if (state === 'FREE') return;
    if (state === 'TAKEN') {
      const message = `the registry has the tag ${build.targetTag} already; choose another tag or set overwriteTag`;
      throw new BuildFailedError('TAG_EXISTS', message);
    }
    if (pause === null) break;
    await lines.say(`The registry does not answer; trying again in ${pause / 1000} s.`);
    await sleep(pause, undefined, { signal });
  }
  throw new BuildFailedError(
    'REGISTRY_UNAVAILABLE',
    'the registry does not say whether it has the tag already',
  );
}

/** The images that a build is about to change. */
interface BuildImages {
  /** The row that waits for the build, as a notebook's does from the start. */
  readonly waiting: Image | null;
  /** The live image whose name the build's takes over. */
  readonly replaced: Image | null;
}

/**
 * They are locked before their namespace and workspace are, as everywhere.
 *
 * @throws BuildFailedError where a built-in image has the name: nothing replaces that
 */
async function lockImages(tx: EntityManager, build: Build): Promise<BuildImages> {
  const lockMode = LockMode.PESSIMISTIC_WRITE;
  const waiting =
    build.imageId === null ? null : await tx.findOneOrFail(Image, { id: build.imageId }, { lockMode });
  if (!build.overwriteTag) return { waiting, replaced: null };
  const other = await findLive(tx, build.namespaceId, { name: build.targetName, tag: build.targetTag });
  if (other === null || other.id === build.imageId) return { waiting, replaced: null };
  // Somebody may have deleted it before it was locked.
  await tx.refresh(other, { lockMode });
  if (holdsName(other) && other.type === 'BUILD_IN') throw nameBuiltIn(build);
  return { waiting, replaced: holdsName(other) ? other : null };
}

/** @param sizeBytes `null` before the push: an image that is sure to be refused must not overwrite the tag in the registry */
async function assertRoom(
  tx: EntityManager,
  build: Build,
  images: BuildImages,
  sizeBytes: number | null,
  { quotas }: PublishTools,
): Promise<void> {
  const refusal = await quotas.takeRoomForImage(tx, build, images, sizeBytes);
  if (refusal !== null) throw new BuildFailedError('QUOTA_EXCEEDED', refusal);
}

async function pushWithRetries(build: Build, imageId: string, tools: PublishTools): Promise<RegistryImage> {
  for (let tried = 0; ; tried += 1) {
    try {
      return await push(build, imageId, tools);
    } catch (error) {
      const pause = PUSH_PAUSES_MS[tried];
      const passing =
        (error instanceof EngineError && error.reason === 'REGISTRY_UNAVAILABLE') ||
        (error instanceof RegistryError && error.reason === 'REGISTRY_UNAVAILABLE');
      if (!passing || pause === undefined) throw asFailure(error);
      await tools.lines.say(`The push failed (${error.message}); trying again in ${pause / 1000} s.`);
      await sleep(pause, undefined, { signal: tools.signal });
    }
  }
}

async function push(build: Build, imageId: string, tools: PublishTools): Promise<RegistryImage> {
  const request = { imageId, reference: build.targetReference, auth: tools.registryAuth };
  let digest: string | null = null;
  for await (const event of tools.engine.push(request, { signal: tools.signal })) {
    if (event.kind === 'result') digest = event.digest;
    else tools.attempt.pushed({ pushedBytes: event.pushedBytes, totalBytes: event.totalBytes });
  }
  if (digest === null) throw new EngineError('INTERNAL', 'the engine ended the push without a digest');
  const reference = parseImageReference(build.targetReference);
  if ('problem' in reference) throw new Error(reference.problem);
  const found = await tools.registry.manifest(reference.path, digest, { signal: tools.signal });
  if (found === null) {
    throw new RegistryError('REGISTRY_UNAVAILABLE', `the registry does not know ${digest} after the push`);
  }
  return found;
}

function asFailure(error: unknown): unknown {
  if (!(error instanceof RegistryError)) return error;
  return new BuildFailedError(
    error.reason === 'DENIED' ? 'PUSH_DENIED' : 'REGISTRY_UNAVAILABLE',
    error.message,
  );
}

const nameTaken = (build: Build) =>
  new BuildFailedError(
    'NAME_TAKEN',
    `another image took the name ${build.targetName}:${build.targetTag} while this one was built; delete it or set overwriteTag`,
  );

const nameBuiltIn = (build: Build) =>
  new BuildFailedError(
    'NAME_TAKEN',
    `a built-in image has the name ${build.targetName}:${build.targetTag}, and those are read-only, overwriteTag or not; choose another name or tag`,
  );

/** Makes the build's image ACTIVE, as the one of its name; another that it replaces is deleted. @returns the image's id */
async function activateImage(
  tx: EntityManager,
  build: Build,
  { waiting, replaced }: BuildImages,
  pushed: RegistryImage,
  now: Date,
): Promise<string> {
  const imageId = waiting?.id ?? randomUUID();
  const facts = {
    reference: `${build.targetReference}@${pushed.digest}`,
    digest: pushed.digest,
    sizeBytes: pushed.sizeBytes,
    layers: pushed.layers,
    architecture: architectureOf(pushed.architecture),
    status: 'ACTIVE' as const,
    statusMessage: null,
    replacesId: null,
    deletedAt: null,
    updatedAt: now,
  };
  if (replaced !== null) {
    if (isUnfinished(replaced.status)) {
      // Another build is still making it: that one takes the name over when it is done, and settles its image itself.
      replaced.replacesId = imageId;
      replaced.updatedAt = now;
    } else {
      moveToDeleted(replaced, now);
      replaced.statusMessage = `replaced by build ${build.id}`;
    }
    await tx.flush();
  }
  if (waiting !== null) tx.assign(waiting, facts);
  else tx.create(Image, newImage(build, { id: imageId, createdAt: now, origin: 'BUILD', ...facts }));
  // The build points to the image: its row has to be there first.
  await tx.flush();
  return imageId;
}

/** An image row of a build's target; `facts` fill in what is known of it by now. */
export function newImage(
  build: Omit<Build, 'version'>,
  facts: Pick<Image, 'id' | 'createdAt' | 'updatedAt' | 'origin' | 'status' | 'reference'> & Partial<Image>,
): Image {
  const parsed = targetOf(build);
  return {
    ...NO_CONTENT,
    version: 1,
    lastChanges: {},
    statusBefore: null,
    namespaceId: build.namespaceId,
    workspaceId: build.workspaceId,
    name: build.targetName,
    tag: build.targetTag,
    description: build.targetDescription,
    registryHost: parsed.host,
    repository: parsed.path,
    digest: null,
    sizeBytes: null,
    layers: [],
    architecture: null,
    type: 'DEDICATED',
    statusMessage: null,
    visibility: build.visibility,
    labels: build.targetLabels,
    sourceBuildId: build.id,
    sourceNotebookId: build.notebookId,
    sourceImageId: build.notebook?.sourceImageId ?? null,
    replacesId: null,
    createdById: build.createdById,
    deletedAt: null,
    ...facts,
  };
}
