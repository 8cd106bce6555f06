import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { EngineError, type EngineInfo } from '../container-engine.ts';
import { DEFAULT_NETWORK } from './build-network.ts';
import { toEngineError } from './docker-errors.ts';
import type { EngineConnection } from './engine-connection.ts';

/**
 * Podman that an ordinary user runs gives steps their network by slirp4netns. Before version 5 it lets them reach the machine's own
 * loopback by its gateway, 10.0.2.2 (measured with 4.3), where the registry and the database listen, and has no setting for it. A
 * `slirp4netns` that adds `--disable-host-loopback` stands in a folder of this name, which is the first in the PATH of Podman's
 * service; Podman tells which one it takes.
 */
export const CLOSED_FOLDER = 'without-host-loopback';
const CLOSED_SINCE = 5;

const PodmanInfo = z.object({
  host: z.object({
    security: z.object({ rootless: z.boolean() }),
    slirp4netns: z.object({ executable: z.string() }).optional(),
  }),
});

/**
 * Refuses builds whose steps would reach the machine's loopback.
 *
 * @throws EngineError STEP_FAILED, which says what to do
 */
export async function refuseHostLoopback(
  engine: EngineConnection,
  { version }: EngineInfo,
  network: string,
  signal: AbortSignal,
): Promise<void> {
  if (network !== DEFAULT_NETWORK || Number.parseInt(version, 10) >= CLOSED_SINCE) return;
  const { host } = PodmanInfo.parse(JSON.parse(await askInfo(engine, signal)));
  if (!host.security.rootless) return;
  const executable = host.slirp4netns?.executable ?? '';
  if (executable.endsWith(`/${CLOSED_FOLDER}/slirp4netns`)) return;
  throw new EngineError(
    'STEP_FAILED',
    executable === ''
      ? "No step gets a network: install slirp4netns on the container engine's machine and start Slipway and Podman again, or set SLIPWAY_BUILD_NETWORK=none."
      : `No step is run: under Podman ${version} without root it would reach the loopback of the machine. Set SLIPWAY_BUILD_NETWORK=none, or take Podman ${CLOSED_SINCE}, the Podman that Slipway starts by itself, or Docker; docs/security.md has another way.`,
  );
}

async function askInfo(engine: EngineConnection, signal: AbortSignal): Promise<string> {
  try {
    return await text(await engine.get({ path: '/v4.0.0/libpod/info', query: {}, signal }));
  } catch (error) {
    throw toEngineError(error, signal);
  }
}
