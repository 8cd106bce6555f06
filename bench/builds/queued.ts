import { randomUUID } from 'node:crypto';
import { startBuild } from '../../test/support/builds.ts';
import { withClient } from '../shared/database.ts';
import { dockerfileOf } from './one-build.ts';
import type { Stage } from './stage.ts';

/** When a build ran, in epoch milliseconds. */
export interface Run {
  readonly startedAt: number;
  readonly finishedAt: number;
}

/** Queues builds while no worker runs. @returns a mark that all their names begin with */
export async function queueBuilds(stage: Stage, count: number, command: string): Promise<string> {
  const mark = `queued-${randomUUID().slice(0, 8)}`;
  const dockerfile = dockerfileOf(stage.baseImage, 'classic', [command]);
  let next = 0;
  const asker = async () => {
    while (next < count) {
      const name = `${mark}-${next++}`;
      await startBuild(stage.client, { name, dockerfile, noCache: true });
    }
  };
  await Promise.all([1, 2, 3, 4].map(asker));
  return mark;
}

/** Waits until all of them have ended, and tells when each ran, in the order of their starts. @throws Error one of them ended otherwise */
export async function runsOf(stage: Stage, mark: string): Promise<Run[]> {
  return await untilAll(stage, mark, 'SUCCEEDED');
}

/** Waits until all of them have been claimed, and tells when; nobody builds them. @throws Error one of them has ended */
export async function claimsOf(stage: Stage, mark: string): Promise<Run[]> {
  const runs = await untilAll(stage, mark, 'RUNNING');
  return runs.map(({ startedAt }) => ({ startedAt, finishedAt: startedAt }));
}

async function untilAll(stage: Stage, mark: string, wanted: 'RUNNING' | 'SUCCEEDED'): Promise<Run[]> {
  return await withClient(stage.database.adminUrl, async (client) => {
    for (;;) {
      const { rows } = await client.query<Run & { status: string }>(
        `select status, extract(epoch from started_at)::float8 * 1000 as "startedAt",
           extract(epoch from finished_at)::float8 * 1000 as "finishedAt"
         from image_build where starts_with(target_name, $1) order by started_at`,
        [mark],
      );
      const lost = rows.find(({ status }) => ![wanted, 'QUEUED', 'RUNNING'].includes(status));
      if (lost !== undefined) throw new Error(`a build is ${lost.status}`);
      if (rows.every(({ status }) => status === wanted)) return rows;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  });
}
