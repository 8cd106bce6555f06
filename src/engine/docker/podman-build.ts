import { EngineError, type EngineInfo } from '../container-engine.ts';
import { orNull } from './docker-errors.ts';
import type { EngineConnection } from './engine-connection.ts';
import type { EngineMessage } from './engine-messages.ts';
import { type KeptTag, tagName } from './kept-images.ts';

/**
 * Podman builds by its own API, from version 4 on, and not by the one that it has in common with Docker: that one makes each step's
 * network as root would, so that none works where an ordinary user runs Podman (4.3: `failed to create bridge`).
 */
export const PODMAN_BUILD = '/v4.0.0/libpod/build';

const OLDEST_PODMAN = 4;

/**
 * Refuses builds by a Podman that does not have {@link PODMAN_BUILD}: 3.0 is what Debian 11 has.
 *
 * @throws EngineError STEP_FAILED, which says what to do
 */
export function refuseOldPodman({ name, version }: EngineInfo): void {
  if (name !== 'Podman' || !(Number.parseInt(version, 10) < OLDEST_PODMAN)) return;
  throw new EngineError(
    'STEP_FAILED',
    `Podman ${OLDEST_PODMAN} or newer is needed to build, and this is ${version}: install a newer one, or Docker, on the container engine's machine, and start the build again.`,
  );
}

/** What its own API is to be told besides. */
export const PODMAN_QUERY = {
  pullpolicy: 'always',
  layers: true,
  // OCI's own format has no SHELL, ONBUILD or HEALTHCHECK.
  outputformat: 'application/vnd.docker.distribution.manifest.v2+json',
} as const;

/** It takes no other type. */
export const PODMAN_HEADERS = { 'Content-Type': 'application/x-tar' } as const;

/**
 * The messages, and at their end the image as Docker's API tells it. Podman's own tells its id as a line of output, which a step can
 * print as well; so the engine is asked what has got the build's own tag, which nobody can guess.
 */
export async function* withImage(
  messages: AsyncIterable<readonly EngineMessage[]>,
  engine: EngineConnection,
  tag: KeptTag,
  signal: AbortSignal,
): AsyncIterable<readonly EngineMessage[]> {
  yield* messages;
  const built = await engine.ask((docker) => orNull(docker.getImage(tagName(tag)).inspect()), signal);
  if (built !== null) yield [{ ...NOTHING, aux: { ID: built.Id } }];
}

const NOTHING: EngineMessage = {
  stream: null,
  status: null,
  id: null,
  current: null,
  total: null,
  aux: null,
  trace: null,
  error: null,
};
