import type { BuildEvent, EngineError } from '../container-engine.ts';
import type { EngineMessage } from './engine-messages.ts';

/** Reads one builder's stream of messages: what a message says, as events. Keeps only what it needs to read the next one. */
export interface BuildProgress {
  /** @throws EngineError never: an error is found in `failure` after the message's events */
  read(message: EngineMessage, at: Date): BuildEvent[];
  /** Why the build failed; `null` while it has not. */
  readonly failure: EngineError | null;
  /** The image, once the builder has said that it is whole. */
  readonly imageId: string | null;
  /** The container whose output is read now, where the engine tells. */
  readonly containerId: string | null;
}
