import { setTimeout as delay } from 'node:timers/promises';
import type Docker from 'dockerode';
import { type DataFolder, dataFolderKey } from './data-folder.ts';
import type { PrivateRegistry } from './registry.ts';

const IMAGE = 'registry:2';

/** Removes the registry's container of a crashed run. Its data is in the data folder, not in the container. */
export async function endLeftoverRegistryContainer(endpoint: string, folder: DataFolder): Promise<void> {
  const engine = await connectEngine(endpoint);
  await engine
    .getContainer(containerName(folder))
    .remove({ force: true })
    .catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
}

/**
 * Runs the registry's own image in the container engine.
 *
 * @throws Error the engine cannot pull or run it
 */
export async function startRegistryContainer(
  endpoint: string,
  folder: DataFolder,
  host: string,
  storage: string,
  answers: () => Promise<boolean>,
  say: (line: string) => void,
): Promise<PrivateRegistry> {
  const engine = await connectEngine(endpoint);
  await pullIfMissing(engine, IMAGE, () => say(`Registry: pulling the image ${IMAGE} …`));
  const container = await engine.createContainer({
    name: containerName(folder),
    Image: IMAGE,
    User: `${process.geteuid?.() ?? 0}:${process.getegid?.() ?? 0}`,
    Env: ['REGISTRY_STORAGE_DELETE_ENABLED=true'],
    HostConfig: {
      Binds: [`${storage}:/var/lib/registry`],
      PortBindings: { '5000/tcp': [{ HostIp: '127.0.0.1', HostPort: host.slice(host.indexOf(':') + 1) }] },
    },
    ExposedPorts: { '5000/tcp': {} },
  });
  const registry = {
    host,
    [Symbol.asyncDispose]: async () => void (await container.remove({ force: true })),
  };
  try {
    await container.start();
    const deadline = Date.now() + 30_000;
    while (!(await answers().catch(() => false))) {
      if (Date.now() > deadline) throw new Error(`the image ${IMAGE} runs but does not answer at ${host}`);
      await delay(100);
    }
  } catch (error) {
    await registry[Symbol.asyncDispose]();
    throw error;
  }
  return registry;
}

/** A client of the engine at an endpoint such as `unix:///run/docker.sock` or `tcp://host:2375`; loaded now, since few starts need it. */
export async function connectEngine(endpoint: string): Promise<Docker> {
  const { default: Docker } = await import('dockerode');
  if (endpoint.startsWith('unix://')) return new Docker({ socketPath: endpoint.slice('unix://'.length) });
  const { hostname, port } = new URL(endpoint);
  return new Docker({ protocol: 'http', host: hostname, port: Number(port || 2375) });
}

/** @throws Error the image is not there and cannot be pulled */
export async function pullIfMissing(engine: Docker, image: string, onPull: () => void): Promise<void> {
  try {
    await engine.getImage(image).inspect();
    return;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  onPull();
  const stream = await engine.pull(image);
  // A pull that fails says so in the stream, under HTTP 200; a pulled image is the only proof.
  let told = '';
  for await (const chunk of stream) told = `${told}${chunk}`.slice(-4000);
  const why = /"error":"((?:[^"\\]|\\.)*)"/.exec(told)?.[1];
  if (why !== undefined) throw new Error(`${image} cannot be pulled: ${why}`);
  await engine.getImage(image).inspect();
}

/** Does the engine answer that there is no such container or image? */
function isMissing(error: unknown): boolean {
  return error instanceof Error && 'statusCode' in error && error.statusCode === 404;
}

function containerName(folder: DataFolder): string {
  return `slipway-registry-${dataFolderKey(folder.path)}`;
}
