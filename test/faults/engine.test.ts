import { request } from 'node:http';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningChild } from '../../src/embedded/child-process.ts';
import { startDockerd } from '../../src/embedded/private-dockerd.ts';
import { beginOf, finished, printed, startBuild, wholeLog } from '../support/builds.ts';
import { listen } from '../support/http-server.ts';
import { quiet } from '../support/local-parts.ts';
import { openRoles, realParts } from '../support/roles.ts';
import {
  finalEvents,
  logged,
  numberedLines,
  printingBuild,
  untilNothingIsLeft,
} from '../support/running-builds.ts';
import { openTestFolder } from '../support/test-folder.ts';

describe('an engine that is killed', () => {
  const parts = new AsyncDisposableStack();
  let endpoint: string;
  let dockerd: RunningChild;

  beforeAll(async () => {
    const folder = parts.use(await openTestFolder());
    ({ endpoint, child: dockerd } = await startDockerd(folder.data, quiet));
    parts.use(dockerd);
  });
  afterAll(async () => await parts.disposeAsync());

  // Whoever runs dockerd starts it again: here the program that Slipway itself keeps its private engine alive by.
  it.for(['classic', 'buildkit'])(
    'costs time and no build, and nothing of the first attempt is left (%s)',
    async (builder) => {
      await using roles = await openRoles({ DOCKER_HOST: endpoint, SLIPWAY_BUILDER: builder });
      const { client } = await roles.serve();
      await using _worker = await roles.work();
      const printing = printingBuild(roles.baseImage, 60, 0.1);
      const build = await startBuild(client, printing.wish);
      await logged(client, build.id, 'line 5');
      process.kill(dockerd.pid, 'SIGKILL');
      const ended = await finished(client, build.id);
      expect(ended).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
      expect(await finalEvents(roles, build.id)).toBe(1);
      const lines = await wholeLog(client, build.id);
      expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index + 1));
      const handedOver = lines.findIndex(({ text }) => text === beginOf(2));
      expect(printed(lines.slice(handedOver)).map(({ text }) => text)).toEqual(numberedLines(60));
      const docker = new Docker({ socketPath: endpoint.replace('unix://', ''), host: undefined });
      await untilNothingIsLeft(docker, build.id, printing, 2, 40_000);
    },
  );
});

it('fails a build as ENGINE_UNAVAILABLE whose engine goes away under it each time', async () => {
  const { engineEndpoint } = realParts();
  await using engine = await listen((req, res) => {
    if (req.method === 'POST' && /\/build\?/.test(req.url ?? '')) return void req.socket.destroy();
    const { method, url: path, headers } = req;
    const socketPath = engineEndpoint.replace('unix://', '');
    req.pipe(
      request({ socketPath, method, path, headers }, (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(res);
      }),
    );
  });
  await using roles = await openRoles({ DOCKER_HOST: `tcp://${engine.host}` });
  const { client } = await roles.serve();
  await using _worker = await roles.work();
  const build = await startBuild(client, printingBuild(roles.baseImage, 1, 0).wish);
  expect(await finished(client, build.id)).toMatchObject({
    status: 'FAILED',
    attempt: 5,
    failure: { reason: 'ENGINE_UNAVAILABLE' },
  });
  expect(await finalEvents(roles, build.id)).toBe(1);
});
