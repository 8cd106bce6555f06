import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { finished, startBuild } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { followLog, sha256Of } from '../support/followed-log.ts';
import { openOwnPostgres } from '../support/own-postgres.ts';
import { openRoles } from '../support/roles.ts';
import { logged, numberedLines, printingBuild } from '../support/running-builds.ts';

const textOf = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');

describe.concurrent('a database that goes away', () => {
  it('costs no build and no byte of a log when it is stopped at once for 10 s', async () => {
    await using postgres = await openOwnPostgres();
    await using roles = await openRoles({ DATABASE_URL: postgres.url });
    const { client, url, process: server } = await roles.serve();
    const worker = await roles.work({ SLIPWAY_BUILD_SLOTS: '2' });
    const builds = await Promise.all(
      [1, 2].map(() => startBuild(client, printingBuild(roles.baseImage, 400, 0.05).wish)),
    );
    const logs = builds.map(({ id }) => followLog(client, id));
    await Promise.all(builds.map(({ id }) => logged(client, id, 'line 20')));

    await postgres.stopImmediately();
    const until = Date.now() + 10_000;
    const answers = new Set<unknown>();
    while (Date.now() < until) {
      for (const query of ['{ viewer { id } }', '{ imageBuilds { totalCount } }', MUTATION])
        answers.add(await codeOf(client, query));
      expect((await fetch(`${url}/readyz`)).status).toBe(503);
      expect((await fetch(`${url}/livez`)).status).toBe(200);
      await sleep(200);
    }
    await postgres.start();

    expect([...answers]).toEqual(['UNAVAILABLE']);
    for (const [index, { id }] of builds.entries()) {
      const ended = await finished(client, id);
      expect(ended).toMatchObject({ status: 'SUCCEEDED', attempt: 1 });
      const text = textOf(numberedLines(400));
      expect(await logs[index]).toMatchObject({
        sha256: sha256Of(text),
        bytes: Buffer.byteLength(text),
        wrongSeqs: [],
        status: 'SUCCEEDED',
      });
    }
    expect(await worker.stop()).toBe(0);
    expect(await server.stop()).toBe(0);
  });

  it('gives every line once and in order while the connections that listen are cut every 2 s', async () => {
    await using roles = await openRoles();
    const [here, there] = await Promise.all([roles.serve(), roles.serve(), roles.work()]);
    const build = await startBuild(here.client, printingBuild(roles.baseImage, 600, 0.05).wish);
    const logs = [here, there].map(({ client }) => followLog(client, build.id));
    const over = finished(here.client, build.id).then(() => true);
    let cut = 0;
    do {
      const killed = await roles.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'slipway-events'`,
      );
      cut += killed.length;
    } while (!(await Promise.race([over, sleep(2000, false)])));
    expect(cut).toBeGreaterThan(20);
    const text = textOf(numberedLines(600));
    for (const seen of await Promise.all(logs))
      expect(seen).toMatchObject({
        sha256: sha256Of(text),
        wrongSeqs: [],
        // Nobody who reads has noticed.
        connections: 1,
        status: 'SUCCEEDED',
      });
    expect(await finished(here.client, build.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 1 });
  });
});

const MUTATION =
  'mutation { createNamespace(input: { name: "away" }) { namespace { id } userErrors { code } } }';

/** The code of the error that an operation is answered with. */
async function codeOf(client: ApiClient, query: string): Promise<unknown> {
  const { errors } = await client.ask(query);
  return errors?.[0]?.extensions['code'];
}
