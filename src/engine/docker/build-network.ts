import { EngineError } from '../container-engine.ts';
import type { BuilderKind } from './builder-choice.ts';
import type { StreamCall } from './engine-connection.ts';

/** Each step has a network of its own kind, from which it reaches what the engine's containers reach. */
export const DEFAULT_NETWORK = 'default';
const NO_NETWORK = 'none';

/**
 * What the build call is to say so that steps are connected to `network`: `default`, `none`, or the name of one of the engine's
 * networks.
 *
 * It is never the network of the machine itself, on whose loopback the registry and the database listen. Podman's API (4.3) takes
 * just that where nothing is said: measured, a step fetched from the registry there. Podman that an ordinary user runs makes a network of
 * each step's own, see `rootless-network.ts`, and knows no networks with names.
 *
 * @throws EngineError DOCKERFILE_INVALID where the builder cannot be connected to it
 */
export function buildNetwork(builder: BuilderKind, network: string): StreamCall['query'] {
  if (builder === 'PODMAN') return podmanNetwork(network);
  if (network === DEFAULT_NETWORK) return {};
  if (builder === 'BUILDKIT' && network !== NO_NETWORK) {
    const message = `This Dockerfile needs BuildKit, which the engine cannot connect to the network that builds have here, ${network}. Write it without here-documents and --mount, which the classic builder does not know.`;
    throw new EngineError('DOCKERFILE_INVALID', message);
  }
  return { networkmode: network };
}

/** Podman's `networkmode` says only whether there is any network; which one is its namespace's `Path`. */
function podmanNetwork(network: string): StreamCall['query'] {
  const isNamed = network !== DEFAULT_NETWORK && network !== NO_NETWORK;
  const namespace = { Name: 'network', Host: false, Path: isNamed ? network : '' };
  return {
    nsoptions: JSON.stringify([namespace]),
    networkmode: network === NO_NETWORK ? 'NetworkDisabled' : undefined,
  };
}
