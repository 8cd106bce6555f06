import { createHash, randomUUID } from 'node:crypto';
import {
  type BuildEvent,
  type BuildRequest,
  type BuildStep,
  type CallOptions,
  type CommitRequest,
  type ContainerDetails,
  type ContainerEngine,
  type ContainerFootprint,
  EngineError,
  type EngineImage,
  type EngineInfo,
  type PushEvent,
  type PushRequest,
} from '../../src/engine/container-engine.ts';
import { needsBuildKit, parseDockerfile } from '../../src/shared/dockerfile.ts';
import { createFakeRegistry, type FakeRegistry } from './fake-registry.ts';

/**
 * The events of one build. It may await whatever it wants between two of them; `signal` says when the build is given up,
 * and a handler that waits for something else is left behind then.
 */
type BuildHandler = (request: BuildRequest, context: { signal: AbortSignal }) => AsyncIterable<BuildEvent>;
type PushHandler = (request: PushRequest, context: { signal: AbortSignal }) => AsyncIterable<PushEvent>;

/** Runs while the container stands still, and may wait or fail; `signal` says when the commit is given up. */
export type CommitHandler = (request: CommitRequest, context: { signal: AbortSignal }) => Promise<void>;

/** The questions that the engine is asked about containers and their images. */
export type Question = 'containers' | 'container' | 'image' | 'footprint' | 'changedPaths';

/**
 * Runs before each question is answered, and may wait or fail; `id` is of what it is about, and `signal` says when the asker has
 * given up.
 */
export type QuestionHandler = (
  question: Question,
  context: { id: string; signal: AbortSignal },
) => Promise<void>;

/** What a container has written. */
export interface ContainerFiles extends ContainerFootprint {
  readonly changedPaths: readonly string[];
  /** False: there were more. */
  readonly complete: boolean;
}

/** A container engine in memory, for tests of what stands above the port. It passes the same contract as the real one. */
export interface FakeEngine extends ContainerEngine {
  readonly registry: FakeRegistry;
  /** What the engine was asked for, oldest first. */
  readonly builds: readonly BuildRequest[];
  readonly pushes: readonly PushRequest[];
  readonly commits: readonly CommitRequest[];
  /** Ids of images taken away with `removeImage`. */
  readonly removed: readonly string[];
  /** Builds that have begun and not ended. */
  readonly running: number;
  /** Replaces what builds do from now on, after the event `builder`; `null` brings the default back. */
  onBuild(handler: BuildHandler | null): void;
  onPush(handler: PushHandler | null): void;
  /** What each commit does from now on while the container is paused; `null`: nothing. */
  onCommit(handler: CommitHandler | null): void;
  /** In so many commits from now on, somebody lets the paused container go on before its files are copied. */
  disturbCommits(count: number): void;
  /** What happens at each question from now on; `null`: it is answered at once. */
  onQuestion(handler: QuestionHandler | null): void;
  /** Adds an image, for what a container was started from. */
  addImage(image: Partial<EngineImage> & Pick<EngineImage, 'id'>): void;
  /** Adds a container; what is not given is that of a running notebook started a minute ago. */
  addContainer(details: Partial<ContainerDetails>, files?: Partial<ContainerFiles>): ContainerDetails;
  /** Changes a container that is there, as by somebody else: stops it, or pauses it. */
  changeContainer(id: string, details: Partial<ContainerDetails>): void;
  removeContainer(id: string): void;
  /** `false`: every call is answered with ENGINE_UNAVAILABLE. */
  setAvailable(available: boolean): void;
}

/** `sha256:…` of any text: ids and digests that look right and are the same in every run. */
export const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A log event of a step; the text's line ends are kept as they are. */
export const logEvent = (
  step: number | null,
  text: string,
  stream: 'STDOUT' | 'STDERR' = 'STDOUT',
): BuildEvent => ({
  kind: 'log',
  step,
  stream,
  data: encode(text),
  at: new Date(),
});

/** A step event; what is not given is that of a step that has just begun. */
export function stepEvent(
  step: Partial<BuildStep> & { readonly number: number; readonly name: string },
): BuildEvent {
  return {
    kind: 'step',
    step: {
      stage: '0',
      line: step.number,
      status: 'RUNNING',
      cached: false,
      startedAt: new Date(),
      finishedAt: null,
      error: null,
      ...step,
    },
  };
}

/** What a build does where the test says nothing else: two steps, three lines of log, an image. */
export async function* defaultBuild(request: BuildRequest): AsyncIterable<BuildEvent> {
  const startedAt = new Date();
  const from = { number: 1, name: 'FROM slipway/base:1', startedAt };
  const run = { number: 2, name: 'RUN echo hello', startedAt };
  yield { kind: 'total', steps: 2 };
  yield stepEvent(from);
  yield stepEvent({ ...from, status: 'SUCCEEDED', finishedAt: new Date() });
  yield stepEvent(run);
  yield logEvent(2, 'hello 1\n');
  yield logEvent(2, 'hello 2\n', 'STDERR');
  yield logEvent(2, 'hello 3\n');
  yield stepEvent({ ...run, status: 'SUCCEEDED', finishedAt: new Date() });
  yield { kind: 'result', imageId: digestOf(request.dockerfile) };
}

/** What every build of the fake begins with: the builder as Docker's would be, limits enforced as Docker does. */
function builderEvent({ dockerfile, builder, limits }: BuildRequest): BuildEvent {
  const isBuildKit =
    builder === 'buildkit' || (builder === 'auto' && needsBuildKit(parseDockerfile(dockerfile)));
  const isUnlimited = limits.memoryBytes === null && limits.cpus === null;
  return {
    kind: 'builder',
    builder: isBuildKit ? 'BUILDKIT' : 'CLASSIC',
    enforcesLimits: isUnlimited || !isBuildKit,
  };
}

export function createFakeEngine(registry: FakeRegistry = createFakeRegistry()): FakeEngine {
  const builds: BuildRequest[] = [];
  const pushes: PushRequest[] = [];
  const commits: CommitRequest[] = [];
  const removed: string[] = [];
  const containers = new Map<string, ContainerDetails>();
  const filesOf = new Map<string, ContainerFiles>();
  const baseImage = digestOf('slipway/base:1');
  const images = new Map<string, EngineImage>([[baseImage, emptyImage(baseImage)]]);
  /** Of the images that were built or committed here. */
  const labelsOf = new Map<string, Readonly<Record<string, string>>>();
  let buildHandler: BuildHandler = defaultBuild;
  let pushHandler: PushHandler = defaultPush;
  let commitHandler: CommitHandler | null = null;
  let questionHandler: QuestionHandler | null = null;
  let disturbed = 0;
  let available = true;
  let running = 0;

  function check(signal?: AbortSignal): void {
    signal?.throwIfAborted();
    if (!available) throw new EngineError('ENGINE_UNAVAILABLE', 'The container engine does not answer.');
  }

  async function asked(question: Question, id: string, signal = new AbortController().signal): Promise<void> {
    check(signal);
    await orAborted(questionHandler?.(question, { id, signal }), signal);
  }

  async function* defaultPush(request: PushRequest): AsyncIterable<PushEvent> {
    const { repository, tag } = splitReference(request.reference);
    const digest = digestOf(`manifest of ${request.imageId}`);
    const layer = { digest: digestOf(`layer of ${request.imageId}`), sizeBytes: 1024, mediaType: LAYER };
    registry.put(repository, tag, {
      digest,
      sizeBytes: 1536,
      layers: [layer],
      architecture: 'amd64',
      configDigest: request.imageId,
    });
    yield { kind: 'progress', pushedBytes: 1024, totalBytes: 1024 };
    yield { kind: 'result', digest };
  }

  function changeContainer(id: string, details: Partial<ContainerDetails>): void {
    const container = containers.get(id);
    if (container) containers.set(id, { ...container, ...details });
  }

  return {
    registry,
    builds,
    pushes,
    commits,
    removed,
    get running() {
      return running;
    },
    onBuild: (handler) => {
      buildHandler = handler ?? defaultBuild;
    },
    onPush: (handler) => {
      pushHandler = handler ?? defaultPush;
    },
    onCommit: (handler) => {
      commitHandler = handler;
    },
    disturbCommits: (count) => {
      disturbed = commits.length + count;
    },
    onQuestion: (handler) => {
      questionHandler = handler;
    },
    addImage: (image) => {
      images.set(image.id, { ...emptyImage(image.id), ...image });
    },
    addContainer(details, files) {
      const container: ContainerDetails = {
        id: digestOf(randomUUID()).slice('sha256:'.length),
        labels: {},
        image: 'slipway/base:1',
        state: 'running',
        imageId: baseImage,
        startedAt: new Date(Date.now() - 60_000),
        env: {},
        mounts: [],
        ...details,
      };
      containers.set(container.id, container);
      filesOf.set(container.id, { ...NO_FILES, ...files });
      return container;
    },
    changeContainer,
    removeContainer: (id) => {
      containers.delete(id);
      filesOf.delete(id);
    },
    setAvailable: (value) => {
      available = value;
    },

    async info(options): Promise<EngineInfo> {
      check(options?.signal);
      return { name: 'Fake', version: '1.0.0', builders: ['CLASSIC', 'BUILDKIT'] };
    },
    async *build(request, { signal = new AbortController().signal }) {
      check(signal);
      builds.push(request);
      running += 1;
      try {
        yield builderEvent(request);
        for await (const event of untilAborted(buildHandler(request, { signal }), signal)) {
          if (event.kind === 'result') {
            images.set(event.imageId, emptyImage(event.imageId));
            labelsOf.set(event.imageId, request.labels);
          }
          yield event;
          if (event.kind === 'result') return;
        }
        throw new EngineError('INTERNAL', 'The build ended without an image.');
      } finally {
        running -= 1;
      }
    },
    async *push(request, { signal = new AbortController().signal }) {
      check(signal);
      pushes.push(request);
      for await (const event of untilAborted(pushHandler(request, { signal }), signal)) {
        yield event;
        if (event.kind === 'result') return;
      }
      throw new EngineError('INTERNAL', 'The push ended without a digest.');
    },
    async *commit(request, { signal = new AbortController().signal }) {
      check(signal);
      const container = containers.get(request.containerId);
      if (!container) throw new EngineError('NOTEBOOK_GONE', 'The notebook is gone.');
      if (container.state !== 'running')
        throw new EngineError('NOTEBOOK_NOT_RUNNING', `The notebook is ${container.state}.`);
      const base = images.get(container.imageId);
      if (!base) throw new EngineError('BASE_IMAGE_NOT_FOUND', 'The engine has the image no more.');
      commits.push(request);
      const resume = () => {
        if (containers.get(container.id)?.state === 'paused')
          changeContainer(container.id, { state: 'running' });
      };
      let failure: unknown = null;
      try {
        if (request.pause) {
          changeContainer(container.id, { state: 'paused' });
          yield { kind: 'paused', at: new Date() };
        }
        await orAborted(commitHandler?.(request, { signal }), signal);
        signal.throwIfAborted();
      } catch (error) {
        failure = error;
      } finally {
        if (request.pause) resume();
      }
      if (request.pause) yield { kind: 'resumed', at: new Date() };
      if (failure !== null) throw failure;
      if (!containers.has(container.id)) throw new EngineError('NOTEBOOK_GONE', 'The notebook is gone.');
      const imageId = digestOf(`commit ${commits.length} of ${container.id}`);
      const kept = Object.entries(base.labels).filter(([key]) => !request.omitLabels.includes(key));
      const labels = { ...Object.fromEntries(kept), ...request.labels };
      labelsOf.set(imageId, request.labels);
      images.set(imageId, { ...base, id: imageId, labels, layerCount: base.layerCount + 1, references: [] });
      const { writtenBytes } = filesOf.get(container.id) ?? NO_FILES;
      yield {
        kind: 'result',
        imageId,
        writtenBytes,
        stoodStill: request.pause && commits.length > disturbed,
      };
    },
    async resume(id, options) {
      check(options?.signal);
      if (containers.get(id)?.state === 'paused') changeContainer(id, { state: 'running' });
    },
    async footprint(id, options) {
      await asked('footprint', id, options?.signal);
      const files = containers.has(id) ? filesOf.get(id) : undefined;
      return files ? { writtenBytes: files.writtenBytes, sizeBytes: files.sizeBytes } : null;
    },
    async changedPaths(id, options) {
      await asked('changedPaths', id, options?.signal);
      const { changedPaths, complete } = filesOf.get(id) ?? NO_FILES;
      return { paths: changedPaths, complete };
    },
    async containers(label, options) {
      await asked('containers', label, options?.signal);
      return [...containers.values()].filter((container) => label in container.labels);
    },
    async container(id, options) {
      await asked('container', id, options?.signal);
      return containers.get(id) ?? null;
    },
    async image(id, options) {
      await asked('image', id, options?.signal);
      return images.get(id) ?? null;
    },
    async removeImage(id, options?: CallOptions) {
      check(options?.signal);
      if (images.delete(id)) removed.push(id);
    },
    async reap(label, isLeftover) {
      check();
      let count = 0;
      for (const { id, labels } of containers.values()) {
        const value = labels[label];
        if (value !== undefined && (await isLeftover(value)) && containers.delete(id)) count += 1;
      }
      for (const [id, labels] of labelsOf) {
        const value = labels[label];
        if (value !== undefined && (await isLeftover(value)) && images.delete(id)) count += 1;
      }
      return count;
    },
  };
}

const LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip';

const emptyImage = (id: string): EngineImage => ({
  id,
  env: {},
  labels: {},
  sizeBytes: 2048,
  layerCount: 1,
  references: [],
});

const NO_FILES: ContainerFiles = { writtenBytes: 0, sizeBytes: 2048, changedPaths: [], complete: true };

/** What the work gives, or the signal's reason as soon as it is aborted. */
async function orAborted(work: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
  if (work === undefined) return;
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function splitReference(reference: string): { repository: string; tag: string } {
  const [, repository, tag] = /^[^/]+\/(.+):([^:/]+)$/.exec(reference) ?? [];
  if (repository === undefined || tag === undefined)
    throw new Error(`expected host/path:tag but got ${reference}`);
  return { repository, tag };
}

/** The events of `source`, until the signal is aborted: then its reason is thrown at once, whatever the source waits for. */
async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> {
  const iterator = source[Symbol.asyncIterator]();
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    for (;;) {
      const next = await Promise.race([aborted.promise, iterator.next()]);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    // Not awaited: a handler that waits for a condition which never comes would hold the caller with it.
    iterator.return?.()?.then(undefined, () => undefined);
  }
}
