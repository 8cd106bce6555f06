import type { Builder } from '../shared/enums.ts';

/**
 * PORT: a container engine that can build, commit and push images and list running containers.
 *
 * For the one who implements it: every method rejects with an {@link EngineError} and nothing else where the engine or
 * what it was asked to do is at fault; an aborted `signal` ends the engine's work (nothing of it keeps running, but for a
 * {@link ContainerEngine.commit}) and rejects with the signal's reason. A stream that ends without its result has failed and must throw.
 */
export interface ContainerEngine {
  /** What engine this is. Rejects with `ENGINE_UNAVAILABLE` when it does not answer. */
  info(options?: CallOptions): Promise<EngineInfo>;
  /**
   * Builds an image from a Dockerfile. The first event is `builder`, the last one `result`; a failed build throws after its
   * last log event. A registry that keeps a base image waiting in silence fails it with `REGISTRY_UNAVAILABLE`; a step of the
   * build's own may be silent as long as it likes.
   */
  build(request: BuildRequest, options: CallOptions): AsyncIterable<BuildEvent>;
  /**
   * Makes an image of a running container's files: the layers of the image that the container was started from, one more with
   * what it has written since, and the configuration of that image. Nothing of the container's own configuration gets in, for it
   * holds secrets: no environment, no command, no label, no host name, neither as a value nor in the history.
   *
   * The container is paused meanwhile where `pause` says so, and runs again before the stream ends or throws; an abort lets it go on
   * at once. No engine can be stopped copying: it goes on after an abort, and what comes out of it is taken away. Podman cannot even
   * be had to let the container go on before that: there an abort throws after some seconds without a `resumed`, and the container
   * goes on when all is copied. Fails with `NOTEBOOK_GONE` or `NOTEBOOK_NOT_RUNNING` (paused counts as that) where there is
   * nothing to save, with `BASE_IMAGE_NOT_FOUND` where the engine has its image no more. The last event is `result`.
   */
  commit(request: CommitRequest, options: CallOptions): AsyncIterable<CommitEvent>;
  /** Lets a paused container go on. One that runs, has ended or is gone is no error. */
  resume(containerId: string, options?: CallOptions): Promise<void>;
  /** What a container's files take; `null` where there is none of this id. The engine walks all that was written: it may take long. */
  footprint(containerId: string, options?: CallOptions): Promise<ContainerFootprint | null>;
  /**
   * What a container has added or changed since it was started from its image, as absolute paths; nothing of what was deleted, and
   * nothing below mounts. `complete` is false where there was too much to look at (more than 8 MiB of names): then some are missing.
   */
  changedPaths(containerId: string, options?: CallOptions): Promise<ChangedPaths>;
  /** Tags the image with `reference`, pushes it and takes the tag away again. The last event is `result`. */
  push(request: PushRequest, options: CallOptions): AsyncIterable<PushEvent>;
  /** All containers that carry `label` with a value that is not empty, running or not. Labels of their images count as theirs. */
  containers(label: string, options?: CallOptions): Promise<readonly ContainerSummary[]>;
  /** One container; `null` where there is none of this id. Takes full ids only, never a prefix or a name. */
  container(id: string, options?: CallOptions): Promise<ContainerDetails | null>;
  /** An image's configuration; `null` where the engine has none of this id. */
  image(id: string, options?: CallOptions): Promise<EngineImage | null>;
  /**
   * Takes an image away; one that is gone already is no error. Layers that others use stay, and so does an image that
   * somebody has tagged or a container uses.
   */
  removeImage(id: string, options?: CallOptions): Promise<void>;
  /**
   * Ends and removes what dead workers left with a value of `label` for which `isLeftover` answers true: containers that a
   * build started, and images that a build or a commit ended with. Not a container that merely runs an image with that label, nor an
   * image that somebody has tagged, that a container uses, or that only inherited the label. How many they were.
   *
   * @param pushedAs references that what carries a value was to be pushed as: who died during a push left them as tags
   */
  reap(
    label: string,
    isLeftover: (value: string) => Promise<boolean>,
    pushedAs?: (value: string) => Promise<readonly string[]>,
  ): Promise<number>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface EngineInfo {
  /** E.g. `Docker` or `Podman`. */
  readonly name: string;
  readonly version: string;
  readonly builders: readonly Builder[];
}

export interface BuildRequest {
  readonly dockerfile: string;
  /** The build context, beside the Dockerfile. Paths are relative and have been checked. */
  readonly files: readonly BuildFile[];
  readonly buildArgs: Readonly<Record<string, string>>;
  /** The stage to build; `null`: the last one. */
  readonly target: string | null;
  readonly noCache: boolean;
  /** `auto`: the classic builder, whose log is whole, unless the Dockerfile needs BuildKit. */
  readonly builder: 'auto' | 'classic' | 'buildkit';
  /** Put on the image, and on every container that the build starts, so that leftovers can be found: not without any. */
  readonly labels: Readonly<Record<string, string>>;
  /** Registry credentials by host. Each is handed to its own host and to no other. */
  readonly registryAuths: Readonly<Record<string, RegistryCredentials>>;
  /**
   * What `RUN --mount=type=secret` may ask for, by id. They reach no image, no cache and no error. BuildKit alone knows them:
   * with another builder such a mount fails with `DOCKERFILE_INVALID`; one that asks for a secret that is not here and has
   * `required=true` fails as its step.
   */
  readonly secrets: Readonly<Record<string, string>>;
  /**
   * What each step may use, swap included; `null`: as much as there is. See the event `builder` for whether the engine holds to
   * it. Where it does, a step that wants more memory fails with `OUT_OF_MEMORY`.
   */
  readonly limits: { readonly memoryBytes: number | null; readonly cpus: number | null };
}
export interface BuildFile {
  readonly path: string;
  readonly content: Uint8Array;
  /** POSIX permission bits, e.g. 0o755. */
  readonly mode: number;
}
export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

/** Four kinds as in BuildKit's progress graph (step, log, warning, result) and the two that its clipping and totals need. */
export type BuildEvent =
  /** The first event: which builder was chosen, and whether it enforces every limit that was asked for (true where none was). */
  | { readonly kind: 'builder'; readonly builder: Builder; readonly enforcesLimits: boolean }
  | { readonly kind: 'total'; readonly steps: number }
  | { readonly kind: 'step'; readonly step: BuildStep }
  | {
      readonly kind: 'log';
      /** The step's number; `null` for what no step printed. */
      readonly step: number | null;
      readonly stream: 'STDOUT' | 'STDERR';
      readonly data: Uint8Array;
      readonly at: Date;
    }
  /** The engine cut the step's output here: bytes are missing, or U+FFFD stands for bytes that the engine lost. */
  | { readonly kind: 'clipped'; readonly step: number | null; readonly at: Date }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'result'; readonly imageId: string };

export interface BuildStep {
  /** Counts from 1 through the whole build, in the order of the Dockerfile's instructions. */
  readonly number: number;
  /** The stage's name, or its index as text where it has none; `null` before the first FROM. */
  readonly stage: string | null;
  /** The instruction as it stands in the Dockerfile, on one line, e.g. `RUN pip install numpy`. */
  readonly name: string;
  /** The instruction's first line in the Dockerfile, from 1; `null` where it is not known. */
  readonly line: number | null;
  readonly status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELED';
  readonly cached: boolean;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly error: string | null;
}

export interface CommitRequest {
  readonly containerId: string;
  readonly pause: boolean;
  /** Put on the image, so that leftovers can be found. */
  readonly labels: Readonly<Record<string, string>>;
  /** Labels of the image that the container was started from which the new one must not have, by key. */
  readonly omitLabels: readonly string[];
  /** For the image's history. */
  readonly comment: string;
}

export type CommitEvent =
  /** The container stands still since then: by the engine's word, or as far as can be told where the engine says nothing. */
  | { readonly kind: 'paused'; readonly at: Date }
  /** It runs again. Comes after `paused` as soon as that is known, also while the engine still copies; a stream that throws without it could not find out. */
  | { readonly kind: 'resumed'; readonly at: Date }
  | {
      readonly kind: 'result';
      readonly imageId: string;
      /** What the new layer takes, uncompressed. */
      readonly writtenBytes: number;
      /** Did the container stand still for as long as its files were copied? Not every engine can pause, however it is asked. */
      readonly stoodStill: boolean;
    };

/** Uncompressed bytes. */
export interface ContainerFootprint {
  /** What it has written since it was started from its image: what a commit's new layer takes. */
  readonly writtenBytes: number;
  /** All of it, the image's layers included. */
  readonly sizeBytes: number;
}

export interface ChangedPaths {
  readonly paths: readonly string[];
  readonly complete: boolean;
}

export interface PushRequest {
  readonly imageId: string;
  /** `host[:port]/path:tag`. */
  readonly reference: string;
  readonly auth: RegistryCredentials | null;
}
export type PushEvent =
  /** Bytes over all layers so far; `totalBytes` grows while layers are found. Coalesced to a few a second. */
  | { readonly kind: 'progress'; readonly pushedBytes: number; readonly totalBytes: number }
  | { readonly kind: 'result'; readonly digest: string };

export interface ContainerSummary {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The image's reference as the container was started with. */
  readonly image: string;
  /** The image that it runs. */
  readonly imageId: string;
  readonly state: ContainerState;
}
export type ContainerState = 'running' | 'paused' | 'stopped';
export interface ContainerDetails extends ContainerSummary {
  readonly startedAt: Date | null;
  readonly env: Readonly<Record<string, string>>;
  /** Destinations of volumes, bind mounts and tmpfs, which a commit does not capture. */
  readonly mounts: readonly string[];
}
export interface EngineImage {
  readonly id: string;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly sizeBytes: number;
  readonly layerCount: number;
  /** Under what names registries have it, as far as the engine knows: `host/path@sha256:…`. */
  readonly references: readonly string[];
}

/** Why the engine could not do what it was asked; the words of the API's ImageBuildFailureReason. */
export type EngineFailureReason =
  | 'DOCKERFILE_INVALID'
  | 'BASE_IMAGE_NOT_FOUND'
  | 'STEP_FAILED'
  | 'OUT_OF_MEMORY'
  | 'PUSH_DENIED'
  | 'REGISTRY_UNAVAILABLE'
  | 'NOTEBOOK_GONE'
  | 'NOTEBOOK_NOT_RUNNING'
  | 'ENGINE_UNAVAILABLE'
  | 'DISK_FULL'
  | 'INTERNAL';

export class EngineError extends Error {
  override readonly name = 'EngineError';
  /** The step that failed, its exit code and its Dockerfile line, where they are known. */
  readonly step: number | null;
  readonly exitCode: number | null;
  readonly line: number | null;

  constructor(
    readonly reason: EngineFailureReason,
    message: string,
    facts: {
      readonly step?: number | null;
      readonly exitCode?: number | null;
      readonly line?: number | null;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.step = facts.step ?? null;
    this.exitCode = facts.exitCode ?? null;
    this.line = facts.line ?? null;
  }
}
