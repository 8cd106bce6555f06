import { parseImageReference } from '../../shared/image-reference.ts';
import { type BuildEvent, EngineError } from '../container-engine.ts';
import type { EngineMessage } from './engine-messages.ts';

/** A registry that accepts and never answers would hold a build for its whole time: the engine has no deadline of its own. */
export const MAX_FETCH_SILENCE_MS = 120_000;

/** A fetch of a base image from which nothing has come. */
export interface SilentFetch {
  /** The image's reference. */
  readonly base: string;
  /** The instruction that fetches it, where it is known. */
  readonly step: number | null;
  readonly line: number | null;
  /** How long nothing has come, in milliseconds of {@link BaseFetches.waitedMs}. */
  readonly silentMs: number;
}

/** Tells from a builder's messages which base images it is fetching, where that can be told for sure, and since when nothing has come. */
export abstract class BaseFetches {
  /** How long the build has waited for the engine so far. While the one who reads the build is slow, this clock stands. */
  waitedMs = 0;
  /** @param events what the message meant */
  abstract read(message: EngineMessage, events: readonly BuildEvent[]): void;
  /** The one that has been silent longest; `null` while the registry is not what the build waits for, or may not be. */
  abstract silent(): SilentFetch | null;
}

/**
 * Gives the messages on, as long as no fetch is silent for too long.
 *
 * @throws EngineError REGISTRY_UNAVAILABLE, which names the registry. The stream of the messages is the caller's to end.
 */
export async function* untilSilent<Messages>(
  messages: AsyncIterable<Messages>,
  fetches: BaseFetches,
  maxSilenceMs: number,
): AsyncIterable<Messages> {
  const iterator = messages[Symbol.asyncIterator]();
  let isWaiting = false;
  try {
    for (;;) {
      const silent = fetches.silent();
      const began = performance.now();
      isWaiting = true;
      const next = await within(
        iterator.next(),
        silent === null ? null : Math.max(0, maxSilenceMs - silent.silentMs),
      );
      fetches.waitedMs += performance.now() - began;
      if (silent !== null && next === null) throw silentRegistry(silent, maxSilenceMs);
      isWaiting = false;
      if (next === null || next.done === true) return;
      yield next.value;
    }
  } finally {
    const returned = iterator.return?.();
    // A stream that is waited for ends when the caller ends it.
    if (isWaiting) returned?.then(undefined, () => undefined);
    else await returned;
  }
}

/** The answer, or `null` where it does not come in time. */
async function within<T>(answer: Promise<T>, ms: number | null): Promise<T | null> {
  if (ms === null) return answer;
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), ms);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

function silentRegistry({ base, step, line }: SilentFetch, maxSilenceMs: number): EngineError {
  const reference = parseImageReference(base);
  const host = 'problem' in reference ? 'the registry' : (reference.host ?? 'docker.io');
  return new EngineError(
    'REGISTRY_UNAVAILABLE',
    `The base image ${base} cannot be fetched: ${host} has been silent for ${maxSilenceMs / 1000} seconds.`,
    { step, line },
  );
}
