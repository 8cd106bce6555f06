import type { BuildStep, ContainerEngine } from '../../../engine/container-engine.ts';
import type { Builder, ImageBuildPhase } from '../../../shared/enums.ts';
import type { Build } from '../../build.entity.ts';
import type { BuildLogWriter } from '../../log/build-log.writer.ts';
import type { NotebookHold } from '../notebook-hold.ts';

/** Why a running build was interrupted; `lost`: another attempt has it, and what it works on is no longer ours to touch. */
export type Interruption = 'canceled' | 'timed-out' | 'lost' | 'shutdown';

/** What a recipe works with while it makes an image in the engine. */
export interface RecipeTools {
  readonly engine: ContainerEngine;
  readonly log: BuildLogWriter;
  /** Tells that the build has come to another phase. */
  readonly enter: (phase: ImageBuildPhase) => Promise<void>;
  /** The same, without waiting for it to be written: for a phase that nothing rests on. */
  readonly pass: (phase: ImageBuildPhase) => void;
  /** Tells of a step that has started, moved or ended; gathered, so it may be called often. */
  readonly step: (step: BuildStep) => void;
  readonly totalSteps: (total: number) => void;
  /** Tells which builder the engine took. */
  readonly builder: (builder: Builder) => void;
  /** What the build knows of its notebook standing still because of it. */
  readonly hold: NotebookHold;
  /** Aborts with an {@link Interruption}. */
  readonly signal: AbortSignal;
}

/** How one kind of build makes its image: everything up to an image id in the engine. */
export type Recipe = (build: Build, tools: RecipeTools) => Promise<{ readonly imageId: string }>;

/** The label that finds what a build's attempt left in the engine: `<build id>:<attempt>`. */
export const BUILD_LABEL = 'slipway.build';

export function buildLabel(build: Pick<Build, 'id' | 'attempt'>): Record<string, string> {
  return { [BUILD_LABEL]: `${build.id}:${build.attempt}` };
}
