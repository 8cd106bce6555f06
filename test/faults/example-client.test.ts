import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { freePort } from '../../src/embedded/free-port.ts';
import { startBuild } from '../support/builds.ts';
import { openRoles } from '../support/roles.ts';
import { numberedLines, printingBuild } from '../support/running-builds.ts';
import { until } from '../support/until.ts';

const LINES = 60;

/** What a user would write with the example's client: it fails by itself where a line or a version is missing or comes twice. */
const FOLLOW = `
  import { createApi } from '${pathToFileURL('examples/lib/client.mjs').href}';
  import { followBuild } from '${pathToFileURL('examples/lib/follow-build.mjs').href}';
  const [url, token, id] = process.argv.slice(1);
  const { build, lines } = await followBuild(createApi(url, token), id);
  process.stdout.write(JSON.stringify({ status: build.status, lines }) + '\\n');
`;

it('lets the example client follow a build to its end while its API process is killed and started again', async () => {
  await using roles = await openRoles();
  const PORT = String(await freePort());
  const first = await roles.serve({ PORT });
  await using _worker = await roles.work();
  const { id } = await startBuild(first.client, printingBuild(roles.baseImage, LINES, 0.2).wish);
  const args = ['--input-type=module', '-e', FOLLOW, first.url, first.client.token, id];
  const follower = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  follower.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const ended = once(follower, 'exit');
  await until('the client to show a line', async () => output.includes('line 10\n'));
  await first.process.stop('SIGKILL');
  await using _second = (await roles.serve({ PORT })).process;
  expect(await ended).toEqual([0, null]);
  const { status, lines } = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as {
    status: string;
    lines: string[];
  };
  expect(status).toBe('SUCCEEDED');
  expect(lines.filter((line) => line.startsWith('line '))).toEqual(numberedLines(LINES));
});
