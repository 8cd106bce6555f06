import type { BuildEvent, EngineError } from '../container-engine.ts';
import type { BuildSteps } from './build-steps.ts';
import type { EngineMessage } from './engine-messages.ts';

/** Reads one builder's stream of messages: what a message says, as events. Keeps only what it needs to read the next one. */
export interface BuildProgress {
  /** @throws EngineError never: an error is found in `failure` after the message's events */
  read(message: EngineMessage, at: Date): BuildEvent[];
  /** Why the build failed; `null` while it has not. */
  readonly failure: EngineError | null;
  /** The image, once the builder has said that it is whole. */
  readonly imageId: string | null;
  /** The steps as they have been told. */
  readonly steps: BuildSteps;
}

/**
 * What a step printed, from an engine that sends it as JSON text. There, every byte that is not UTF-8 by itself is lost:
 * also those of a character that two frames share, 180 times in 3 MB of Chinese text. U+FFFD is in their place, and a
 * gap is told, so that the log does not look whole.
 */
export function outputEvents(
  step: number | null,
  stream: 'STDOUT' | 'STDERR',
  text: string,
  at: Date,
): BuildEvent[] {
  const events: BuildEvent[] = [{ kind: 'log', step, stream, data: Buffer.from(text, 'utf8'), at }];
  if (text.includes('\uFFFD') || !text.isWellFormed()) events.push({ kind: 'clipped', step, at });
  return events;
}
