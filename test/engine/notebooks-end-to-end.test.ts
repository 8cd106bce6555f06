import { randomUUID } from 'node:crypto';
import Docker from 'dockerode';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BUILD_FIELDS, type BuildFacts, finished, startBuild } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { openRoles, type Roles, realParts } from '../support/roles.ts';

let roles: Roles;
let client: ApiClient;
let container: Docker.Container;
const engine = () => new Docker({ socketPath: realParts().engineEndpoint.replace('unix://', '') });
const notebook = randomUUID();

beforeAll(async () => {
  roles = await openRoles();
  client = (await roles.serve()).client;
  await roles.work();
  // The base has to be in the engine before a container of it can be made: a build brings it there.
  await finished(
    client,
    (await startBuild(client, { name: 'bring', dockerfile: `FROM ${roles.baseImage}\n` })).id,
  );
  container = await engine().createContainer({
    Image: roles.baseImage,
    Env: ['JUPYTER_TOKEN=do-not-leak-me'],
    Cmd: ['/bin/sh', '-c', 'echo "my work" > /root/work.txt; while true; do sleep 1; done'],
    Labels: {
      'slipway.notebook': notebook,
      'slipway.notebook.name': 'mine',
      'slipway.workspace': 'default',
      'slipway.owner': 'admin',
    },
  });
  await container.start();
});
afterAll(async () => {
  await container?.remove({ force: true });
  await roles?.[Symbol.asyncDispose]();
});

it('saves a running notebook as an image that starts with its files and without its secrets', async () => {
  const { notebooks } = await client.run<{
    notebooks: { nodes: { id: string; uid: string; status: string }[] };
  }>('{ notebooks { nodes { id uid status } } }');
  const mine = notebooks.nodes.find(({ uid }) => uid === notebook);
  expect(mine?.status).toBe('RUNNING');
  const { saveImageFromNotebook: saved } = await client.run<{
    saveImageFromNotebook: {
      image: { status: string; origin: string };
      build: BuildFacts;
      userErrors: unknown[];
    };
  }>(
    `mutation ($input: SaveImageFromNotebookInput!) {
      saveImageFromNotebook(input: $input) {
        image { status origin } build { ${BUILD_FIELDS} } userErrors { code message }
      }
    }`,
    { input: { notebookId: mine?.id, namespace: 'default', name: 'my-work', tag: '1.0' } },
  );
  expect(saved).toMatchObject({ userErrors: [], image: { status: 'INIT', origin: 'IMAGE_SAVE' } });
  const ended = await finished(client, saved.build.id);
  expect(ended).toMatchObject({ status: 'SUCCEEDED', image: { status: 'ACTIVE' } });
  expect((await container.inspect()).State).toMatchObject({ Running: true, Paused: false });

  const reference = `${roles.registryHost}/default/my-work@${ended.image?.digest}`;
  const docker = engine();
  await new Promise<void>((resolve, reject) => {
    docker.pull(reference, {}, (error, stream) => {
      if (error || !stream) reject(error ?? new Error('nothing was pulled'));
      else docker.modem.followProgress(stream, (failed) => (failed ? reject(failed) : resolve()));
    });
  });
  const { Config } = await docker.getImage(reference).inspect();
  expect(JSON.stringify(Config)).not.toContain('do-not-leak-me');
  expect(JSON.stringify(Config)).not.toContain(notebook);
  const again = await docker.createContainer({ Image: reference, Cmd: ['cat', '/root/work.txt'], Tty: true });
  try {
    const output = await again.attach({ stream: true, stdout: true });
    await again.start();
    const chunks: Buffer[] = [];
    for await (const chunk of output) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toContain('my work');
  } finally {
    await again.remove({ force: true });
  }
});
