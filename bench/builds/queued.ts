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

/** Waits until all of them have ended, and tells when each ran. @throws Error one of them failed */
export async function runsOf(stage: Stage, mark: string): Promise<Run[]> {
  return await withClient(stage.database.adminUrl, async (client) => {
    for (;;) {
      const { rows } = await client.query<Run & { status: string }>(
        `select status, extract(epoch from started_at)::float8 * 1000 as "startedAt",
           extract(epoch from finished_at)::float8 * 1000 as "finishedAt"
         from image_build where starts_with(target_name, $1) order by started_at`,
        [mark],
      );
      if (rows.some(({ status }) => status === 'FAILED')) throw new Error('a build has failed');
      if (rows.every(({ status }) => status === 'SUCCEEDED')) return rows;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  });
}
