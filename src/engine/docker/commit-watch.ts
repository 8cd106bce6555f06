import type { Readable } from 'node:stream';
import { isHttpError, toEngineError } from './docker-errors.ts';
import { type EngineConnection, untilAborted } from './engine-connection.ts';
import { readLines } from './engine-messages.ts';

/** Is told what an engine tells of a container, in the engine's order. */
export interface CommitListener {
  paused(): void;
  wentOn(): void;
  /** An image has come out of a commit, an earlier one's perhaps; `null`: the engine does not say which (Podman 4.3). */
  copied(imageId: string | null): void;
  /** The engine tells nothing, or no more. */
  deaf(): void;
}

/**
 * Has `listener` told of a container's pauses and commits until the watch is disposed of; `signal` ends the opening alone.
 *
 * Docker tells of a commit's pause, of its copy and that the container goes on, in this order, before it answers; Podman (4.3) says
 * nothing of a pause that belongs to a commit. Docker begins to answer some instructions before it listens, so that what follows at
 * once could be missed in theory.
 */
export async function watchCommits(
  engine: EngineConnection,
  id: string,
  listener: CommitListener,
  signal?: AbortSignal,
): Promise<Disposable> {
  const filters = { type: ['container'], container: [id], event: ['pause', 'unpause', 'commit'] };
  const query = { filters: JSON.stringify(filters) };
  const opening = new AbortController();
  let events: Readable | null = null;
  try {
    events = await untilAborted(engine.get({ path: '/events', query, signal: opening.signal }), signal);
  } catch (error) {
    opening.abort();
    // An engine can be set up to keep no events (Podman: `events_logger = "none"`).
    if (!isHttpError(error) || signal?.aborted) throw toEngineError(error, signal);
    listener.deaf();
  }
  if (events) void read(events, listener);
  return { [Symbol.dispose]: () => void events?.destroy() };
}

async function read(events: Readable, listener: CommitListener): Promise<void> {
  try {
    for await (const line of readLines(events)) {
      const { Action, Actor }: ContainerEvent = JSON.parse(line);
      if (Action === 'pause') listener.paused();
      else if (Action === 'unpause') listener.wentOn();
      else if (Action === 'commit') listener.copied(Actor.Attributes.imageID ?? null);
    }
  } catch {
    // The watch was disposed of, or the engine dies, which the commit itself will say.
  } finally {
    listener.deaf();
  }
}

interface ContainerEvent {
  readonly Action: string;
  /** With a commit: what came of it. */
  readonly Actor: { readonly Attributes: { readonly imageID?: string } };
}
