import { randomUUID } from 'node:crypto';
import { logEvents, startBuild } from '../../test/support/builds.ts';
import type { Stage } from './stage.ts';

/** Both of Docker's; Slipway takes BuildKit where a Dockerfile needs it. */
export const BUILDERS = ['classic', 'buildkit'] as const;
export type Builder = (typeof BUILDERS)[number];

/** A Dockerfile of these commands, each a step of its own that nothing is cached of. */
export function dockerfileOf(baseImage: string, builder: Builder, commands: readonly string[]): string {
  const mount = builder === 'buildkit' ? '--mount=type=tmpfs,target=/unused ' : '';
  return [`FROM ${baseImage}`, ...commands.map((command) => `RUN ${mount}${command}`), ''].join('\n');
}

/** What one build through Slipway took, in milliseconds from sending the mutation. */
export interface BuildTimes {
  readonly answeredMs: number;
  /** A subscriber has the log's first line, whoever's it is. */
  readonly heardMs: number;
  /** A subscriber has the first line of a step. */
  readonly firstMs: number;
  /** A subscriber has the log's end. */
  readonly endedMs: number;
  /** The phase of the push. */
  readonly pushMs: number;
  readonly status: string;
}

/** Asks for a build, follows its log from the answer on, and tells how long each part took. */
export async function timeBuild({ client }: Stage, dockerfile: string): Promise<BuildTimes> {
  const begun = performance.now();
  const since = () => performance.now() - begun;
  const { id } = await startBuild(client, { name: `timed-${randomUUID()}`, dockerfile, noCache: true });
  const answeredMs = since();
  let heardMs = 0;
  let firstMs = 0;
  for await (const event of logEvents(client, id)) {
    if (heardMs === 0) heardMs = since();
    const isStep = event.__typename === 'ImageBuildLogLines' && event.lines.some(({ step }) => step !== null);
    if (firstMs === 0 && isStep) firstMs = since();
  }
  const endedMs = since();
  const { imageBuild } = await client.run<{ imageBuild: { status: string; phases: readonly Phase[] } }>(
    'query ($id: ID!) { imageBuild(id: $id) { status phases { phase startedAt finishedAt } } }',
    { id },
  );
  const push = imageBuild.phases.find(({ phase }) => phase === 'PUSHING');
  const pushMs = push ? Date.parse(push.finishedAt) - Date.parse(push.startedAt) : 0;
  return { answeredMs, heardMs, firstMs, endedMs, pushMs, status: imageBuild.status };
}

interface Phase {
  readonly phase: string;
  readonly startedAt: string;
  readonly finishedAt: string;
}
