import { randomUUID } from 'node:crypto';
import type Docker from 'dockerode';
import { BUILD_LABEL } from '../../src/build/run/recipes/recipe.ts';
import { tryReadGlobalId } from '../../src/shared/global-id.ts';
import { type BuildWish, logEvents } from './builds.ts';
import type { ApiClient } from './client.ts';
import { buildContainers } from './engine.ts';
import { countRunning } from './processes.ts';
import type { Roles } from './roles.ts';
import type { SlipwayProcess } from './slipway-process.ts';
import { until } from './until.ts';

/** A build that can be found among the machine's processes while it runs. */
export interface FindableBuild {
  readonly wish: BuildWish;
  /** What the command lines of its RUN hold, and nothing else's. */
  readonly mark: string;
}

/** Prints `line 1` to `line COUNT`, one every `seconds`. */
export function printingBuild(baseImage: string, count: number, seconds: number): FindableBuild {
  const loop = `i=1; while [ $i -le ${count} ]; do echo "line $i"; i=$((i+1)); sleep ${seconds}; done`;
  return findable(baseImage, loop);
}

/** Prints `begun` and then hangs. */
export const hangingBuild = (baseImage: string): FindableBuild =>
  findable(baseImage, 'echo begun; sleep 1000');

function findable(baseImage: string, command: string): FindableBuild {
  // A name of its own as well: all tests of a run push to one registry.
  const name = `found-${randomUUID()}`;
  return {
    wish: { name, dockerfile: `FROM ${baseImage}\nRUN : ${name}; ${command}\n`, noCache: true },
    mark: name,
  };
}

export const numberedLines = (count: number) => Array.from({ length: count }, (_, i) => `line ${i + 1}`);

/** Resolves when the build's log holds this line. */
export async function logged(client: ApiClient, buildId: string, text: string, times = 1): Promise<void> {
  let seen = 0;
  for await (const event of logEvents(client, buildId)) {
    if (event.__typename !== 'ImageBuildLogLines') continue;
    seen += event.lines.filter((line) => line.text === text).length;
    if (seen >= times) return;
  }
  throw new Error(`the log ended without "${text}"`);
}

/** Two workers that say which builds they take: both are up before there is one. */
export async function twoWorkers(roles: Roles): Promise<readonly [SlipwayProcess, SlipwayProcess]> {
  const env = { SLIPWAY_LOG_LEVEL: 'info' };
  return await Promise.all([roles.work(env), roles.work(env)]);
}

/** Which of two workers runs a build, and which does not. */
export function holderOf(workers: readonly [SlipwayProcess, SlipwayProcess], buildId: string) {
  const uid = tryReadGlobalId(buildId)?.uid ?? '';
  const [one, other] = workers;
  return one.output().includes(uid) ? { holder: one, other } : { holder: other, other: one };
}

/** Waits until neither a process nor a container of the build is left. */
export async function untilNothingIsLeft(
  docker: Docker,
  buildId: string,
  { mark }: FindableBuild,
  attempts: number,
  timeoutMs?: number,
): Promise<void> {
  const uid = tryReadGlobalId(buildId)?.uid;
  await until(
    `the engine to have nothing of build ${uid}`,
    async () => {
      if (countRunning(mark) > 0) return false;
      for (let attempt = 1; attempt <= attempts; attempt += 1)
        if ((await buildContainers(docker, { [BUILD_LABEL]: `${uid}:${attempt}` })) > 0) return false;
      return true;
    },
    timeoutMs,
  );
}

/** How many of a build's status events have it in a final state: 1 is right. */
export async function finalEvents({ database }: Roles, buildId: string): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    `select count(*)::int as count from image_build_event where build_id = $1
     and state->>'status' in ('SUCCEEDED', 'FAILED', 'CANCELED', 'TIMED_OUT', 'EXPIRED')`,
    [tryReadGlobalId(buildId)?.uid],
  );
  return row?.count ?? 0;
}

/** Cancels a build. @returns its state as the caller was told, and how long the answer took */
export async function cancel(client: ApiClient, buildId: string): Promise<string> {
  const { cancelImageBuild } = await client.run<{ cancelImageBuild: { build: { status: string } } }>(
    'mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { build { status } } }',
    { id: buildId },
  );
  return cancelImageBuild.build.status;
}
