import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOciRegistry } from '../../src/registry/oci-registry.ts';
import { finished, logEvents, printed, requestBuild, startBuild, wholeLog } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { openRoles, type Roles, realParts } from '../support/roles.ts';
import { until } from '../support/until.ts';

let roles: Roles;
let client: ApiClient;
let from: string;

beforeAll(async () => {
  roles = await openRoles();
  client = (await roles.serve()).client;
  await roles.work();
  from = `FROM ${roles.baseImage}`;
});
afterAll(async () => await roles?.[Symbol.asyncDispose]());

const engine = () => new Docker({ socketPath: realParts().engineEndpoint.replace('unix://', '') });
const withBuildLabel = () =>
  engine().listContainers({ all: true, filters: JSON.stringify({ label: ['slipway.build'] }) });

describe('a Dockerfile on the real engine', () => {
  it('builds several stages with files and arguments, and the registry has what the catalogue says', async () => {
    const build = await startBuild(client, {
      name: 'stages',
      dockerfile: `ARG WHO=nobody
${from} AS maker
ARG WHO
COPY src/greeting.txt /greeting.txt
RUN echo "for $WHO" >> /greeting.txt && cat /greeting.txt
${from}
COPY --from=maker /greeting.txt /srv/greeting.txt
RUN wc -l /srv/greeting.txt
`,
      files: [{ path: 'src/greeting.txt', content: 'Grüße 你好\n' }],
      buildArgs: [{ name: 'WHO', value: 'somebody' }],
    });
    const lines = await wholeLog(client, build.id);
    expect(printed(lines).map(({ text }) => text)).toEqual([
      'Grüße 你好',
      'for somebody',
      '2 /srv/greeting.txt',
    ]);
    const ended = await finished(client, build.id);
    expect(ended).toMatchObject({ status: 'SUCCEEDED', failure: null, image: { status: 'ACTIVE' } });
    expect(ended.steps.map(({ status }) => status)).toEqual(ended.steps.map(() => 'SUCCEEDED'));
    expect(ended.progress).toMatchObject({ completedSteps: ended.steps.length, percent: 100 });
    const manifest = await createOciRegistry(roles.registryHost, null).manifest('default/stages', 'latest');
    expect(manifest).toMatchObject({ digest: ended.image?.digest, sizeBytes: ended.image?.sizeBytes });
  });

  it('takes unchanged steps from the cache the second time', async () => {
    const dockerfile = `${from}\nRUN echo "cached once" > /once\n`;
    await finished(client, (await startBuild(client, { name: 'warm', dockerfile })).id);
    const again = await finished(
      client,
      (await startBuild(client, { name: 'warm', tag: '2', dockerfile })).id,
    );
    expect(again).toMatchObject({ status: 'SUCCEEDED' });
    expect(again.steps.find(({ name }) => name.startsWith('RUN'))?.cached).toBe(true);
  });

  it('names step, line and exit code of a step that fails', async () => {
    const build = await startBuild(client, {
      name: 'exit-three',
      dockerfile: `${from}\n\n# a comment\nRUN true\nRUN echo no; \\\n    exit 3\nRUN echo never\n`,
    });
    const ended = await finished(client, build.id);
    expect(ended).toMatchObject({
      status: 'FAILED',
      image: null,
      failure: { reason: 'STEP_FAILED', step: 3, line: 5, exitCode: 3 },
    });
    const lines = await wholeLog(client, build.id);
    expect(printed(lines).map(({ text }) => text)).toEqual(['no']);
  });

  it('refuses a Dockerfile that does not parse before it is queued, with line and column', async () => {
    const { build, userErrors } = await requestBuild(client, {
      name: 'unparsed',
      dockerfile: `${from}\nFROM ubuntu:18:04\n`,
    });
    expect(build).toBeNull();
    expect(userErrors).toMatchObject([{ code: 'DOCKERFILE_INVALID', details: { line: 2, column: 6 } }]);
  });

  it('fails where no registry knows the base image', async () => {
    const dockerfile = `FROM ${roles.registryHost}/slipway/never-pushed:1\nRUN true\n`;
    const ended = await finished(client, (await startBuild(client, { name: 'baseless', dockerfile })).id);
    expect(ended).toMatchObject({ status: 'FAILED', failure: { reason: 'BASE_IMAGE_NOT_FOUND', line: 1 } });
  });

  it('stops within seconds when it is cancelled, and leaves nothing in the engine', async () => {
    const dockerfile = `${from}\nRUN echo begun; sleep 300\n`;
    const build = await startBuild(client, { name: 'sleeper', dockerfile, noCache: true });
    for await (const event of logEvents(client, build.id)) {
      if (event.__typename === 'ImageBuildLogLines' && event.lines.some(({ text }) => text === 'begun'))
        break;
    }
    const asked = Date.now();
    await client.run('mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { build { status } } }', {
      id: build.id,
    });
    expect((await finished(client, build.id)).status).toBe('CANCELED');
    expect(Date.now() - asked).toBeLessThan(5000);
    await until('the engine to have nothing of it', async () => (await withBuildLabel()).length === 0);
  });

  it('keeps 20,000 lines in order', async () => {
    const dockerfile = `${from}\nRUN i=1; while [ $i -le 20000 ]; do echo "line $i"; i=$((i+1)); done\n`;
    const build = await startBuild(client, { name: 'talker', dockerfile, noCache: true });
    const lines = printed(await wholeLog(client, build.id));
    expect(lines).toHaveLength(20_000);
    expect(lines.every(({ text }, index) => text === `line ${index + 1}`)).toBe(true);
    expect((await finished(client, build.id)).status).toBe('SUCCEEDED');
  });
});
