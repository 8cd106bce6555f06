import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type Docker from 'dockerode';
import { followSave } from '../../test/support/followed-save.ts';
import type { Parts } from './notebook-parts.ts';

/** One save by Slipway, and one by hand; times in milliseconds. */
export interface Round {
  /** Until the mutation was answered. */
  readonly askedMs: number;
  /** Until the client heard that the image is ACTIVE. */
  readonly savedMs: number;
  /** How long the notebook stood still. */
  readonly pausedMs: number;
  /** The engine's commit alone, which pauses as long as it runs. */
  readonly committedMs: number;
  /** Commit and push over the engine's API. */
  readonly byHandMs: number;
  /** The most memory that the worker has taken. */
  readonly workerBytes: number;
}

/**
 * Saves a notebook in which `write` has been run, by Slipway and by hand in turns. Each round writes a new byte first: an engine
 * that has seen a layer neither compresses nor pushes it again.
 */
export async function saveInTurns(write: string, parts: Parts, count: number): Promise<Round[]> {
  const uid = randomUUID();
  const container = await startNotebook(parts, uid);
  try {
    await run(container, write);
    const rounds: Round[] = [];
    for (let round = 0; round < count; round += 1) {
      const bySlipway = await saveBySlipway(parts, container, uid);
      rounds.push({ ...bySlipway, ...(await saveByHand(parts, container)) });
    }
    return rounds;
  } finally {
    await container.remove({ force: true });
  }
}

async function saveBySlipway({ client, takeWorkerPeak }: Parts, container: Docker.Container, uid: string) {
  await run(container, `echo ${randomUUID()} > /round`);
  takeWorkerPeak();
  const started = performance.now();
  const save = await followSave(client, {
    notebookId: Buffer.from(`Notebook:${uid}`).toString('base64url'),
    name: `bench-${uid}`,
    overwriteTag: true,
  });
  if (save.image.status !== 'ACTIVE') throw new Error(JSON.stringify(save.states.at(-1)));
  return {
    askedMs: save.askedMs,
    savedMs: performance.now() - started,
    pausedMs: save.states.at(-1)?.notebook.pausedMs ?? 0,
    workerBytes: takeWorkerPeak(),
  };
}

async function saveByHand({ docker, registryHost }: Parts, container: Docker.Container) {
  await run(container, `echo ${randomUUID()} > /round`);
  const repo = `${registryHost}/by-hand/${container.id}`;
  const started = performance.now();
  await container.commit({ repo, tag: 'latest', pause: true });
  const committed = performance.now();
  const image = docker.getImage(`${repo}:latest`);
  await followed(docker, await image.push({ authconfig: {} }));
  const pushed = performance.now();
  await image.remove({ force: true });
  return { committedMs: committed - started, byHandMs: pushed - started };
}

async function startNotebook({ docker, baseImage }: Parts, uid: string): Promise<Docker.Container> {
  const container = await docker.createContainer({
    Image: baseImage,
    Cmd: ['sleep', '100000'],
    WorkingDir: '/work',
    Labels: { 'slipway.notebook': uid, 'slipway.workspace': 'default', 'slipway.owner': 'admin' },
  });
  await container.start();
  return container;
}

async function run(container: Docker.Container, command: string): Promise<void> {
  const exec = await container.exec({ Cmd: ['sh', '-ec', command], AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({});
  stream.resume();
  await once(stream, 'end');
  const { ExitCode } = await exec.inspect();
  if (ExitCode !== 0) throw new Error(`${command} ended with ${ExitCode}`);
}

export async function pull(docker: Docker, image: string): Promise<void> {
  await followed(docker, await docker.pull(image));
}

async function followed(docker: Docker, stream: NodeJS.ReadableStream): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
  });
}
