import type { ContainerInspectInfo } from 'dockerode';
import type { ChangedPaths, ContainerFootprint } from '../container-engine.ts';
import { ChangeList } from './change-list.ts';
import { isHttpError, orNull, toEngineError } from './docker-errors.ts';
import type { EngineConnection } from './engine-connection.ts';

/** Everything that the engine tells of a container; `null` where there is none of this id. */
export async function inspectContainer(
  engine: EngineConnection,
  id: string,
  signal?: AbortSignal,
): Promise<ContainerInspectInfo | null> {
  return engine.ask(
    (docker, abortSignal) => orNull(docker.getContainer(id).inspect({ abortSignal })),
    signal,
  );
}

/** Is it being removed, or was that left half done? Nothing can be done with it any more. */
export const isGoing = (status: string): boolean => status === 'removing' || status === 'dead';

/** Lets a paused container go on. @returns whether it was paused */
export async function resumeContainer(
  engine: EngineConnection,
  id: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const isPaused = async () => (await inspectContainer(engine, id, signal))?.State.Paused === true;
  if (!(await isPaused())) return false;
  try {
    await engine.ask((docker, abortSignal) => docker.getContainer(id).unpause({ abortSignal }), signal);
  } catch (error) {
    // Somebody else may have done it meanwhile: the engine itself, at the end of a commit.
    if (await isPaused()) throw error;
  }
  return true;
}

/** What a container's files take; `null` where there is none of this id. */
export async function footprintOf(
  engine: EngineConnection,
  id: string,
  signal?: AbortSignal,
): Promise<ContainerFootprint | null> {
  const options: object = { size: true, ...(signal && { abortSignal: signal }) };
  const found: (ContainerInspectInfo & Sizes) | null = await engine.wait(
    (docker) => orNull(docker.getContainer(id).inspect(options)),
    signal,
  );
  if (!found) return null;
  const { SizeRw: writtenBytes = 0, SizeRootFs = 0 } = found;
  const image = await engine.ask((docker) => orNull(docker.getImage(found.Image).inspect()), signal);
  // Podman (4.3) leaves out of the whole what the container has written.
  return { writtenBytes, sizeBytes: Math.max(SizeRootFs, (image?.Size ?? 0) + writtenBytes) };
}

/** What a container has added or changed; nothing where there is none of this id. */
export async function changedPathsOf(
  engine: EngineConnection,
  id: string,
  signal?: AbortSignal,
): Promise<ChangedPaths> {
  try {
    const answer = await engine.get({ path: `/containers/${id}/changes`, query: {}, signal });
    const changes = new ChangeList();
    // Leaving the loop closes the connection.
    for await (const chunk of answer as AsyncIterable<Buffer>) if (!changes.add(chunk)) break;
    return changes.read();
  } catch (error) {
    // Podman (4.3) does not say by its status that there is no such container.
    const isGone = isHttpError(error) && (await inspectContainer(engine, id, signal)) === null;
    if (isGone) return { paths: [], complete: true };
    throw toEngineError(error, signal);
  }
}

/** What an inspect adds where it is asked for sizes. */
interface Sizes {
  readonly SizeRw?: number;
  readonly SizeRootFs?: number;
}
