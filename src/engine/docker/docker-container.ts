import type { ContainerInspectInfo } from 'dockerode';
import type { ChangedPaths, ContainerFootprint } from '../container-engine.ts';
import { orNull } from './docker-errors.ts';
import type { EngineConnection } from './engine-connection.ts';

/** Lets a paused container go on. */
export async function resumeContainer(
  engine: EngineConnection,
  id: string,
  signal?: AbortSignal,
): Promise<void> {
  await engine.ask(async (docker, abortSignal) => {
    const found = await orNull(docker.getContainer(id).inspect({ abortSignal }));
    if (found?.State.Paused) await orNull(docker.getContainer(id).unpause({ abortSignal }));
  }, signal);
}

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
  return found && { writtenBytes: found.SizeRw ?? 0, sizeBytes: found.SizeRootFs ?? 0 };
}

export async function changedPathsOf(
  engine: EngineConnection,
  id: string,
  signal?: AbortSignal,
): Promise<ChangedPaths> {
  const changes: Change[] | null = await engine.wait(
    (docker) => orNull(docker.getContainer(id).changes({ ...(signal && { abortSignal: signal }) })),
    signal,
  );
  const paths = (changes ?? []).filter(({ Kind }) => Kind !== DELETED).map(({ Path }) => Path);
  return { paths, complete: true };
}

/** What an inspect adds where it is asked for sizes. */
interface Sizes {
  readonly SizeRw?: number;
  readonly SizeRootFs?: number;
}

const DELETED = 2;
interface Change {
  readonly Path: string;
  readonly Kind: number;
}
