import { Readable } from 'node:stream';
import Docker from 'dockerode';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { finished, startBuild } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { pull } from '../support/engine.ts';
import { type FollowedSave, followSave } from '../support/followed-save.ts';
import { fetchPushed, type PushedImage, tagsOf } from '../support/pushed-image.ts';
import { openRoles, type Roles, realParts } from '../support/roles.ts';
import { until } from '../support/until.ts';
import {
  BIND_CAPABILITY,
  filesOf,
  inContainerOf,
  pausedByEngine,
  startNotebook,
  ticksOf,
  type WorkingNotebook,
  workIn,
  workingBase,
} from '../support/working-notebook.ts';

const engines = [
  ['Docker', realParts().engineEndpoint],
  ['Podman', inject('podmanEndpoint')],
] as const;

const MOUNTED = 'this stands in a volume and in a tmpfs';

describe.each(engines.filter(([, endpoint]) => endpoint !== null))('on %s', (name, endpoint) => {
  let roles: Roles;
  let client: ApiClient;
  let docker: Docker;
  let baseId: string;
  let base: PushedImage;
  let notebook: WorkingNotebook;
  /** What the notebook's files were when it was saved. */
  let worked: readonly string[];
  let save: FollowedSave;
  let pushed: PushedImage;

  const referenceOf = (name: string, digest: string) => `${roles.registryHost}/default/${name}@${digest}`;

  beforeAll(async () => {
    roles = await openRoles({ DOCKER_HOST: endpoint ?? '' });
    client = (await roles.serve()).client;
    await roles.work();
    docker = new Docker({ socketPath: (endpoint ?? '').replace('unix://', '') });
    const built = await startBuild(client, { name: 'jupyter', tag: name, ...workingBase(roles.baseImage) });
    baseId = (await finished(client, built.id)).image?.id ?? '';
    base = await fetchPushed(roles.registryHost, 'default/jupyter', name);
    const reference = `${roles.registryHost}/default/jupyter:${name}`;
    await pull(docker, reference);
    notebook = await startNotebook(docker, reference, MOUNTED);
    await workIn(notebook);
    worked = await filesOf(notebook);
    save = await followSave(client, { notebookId: notebook.id, name: 'my-work', tag: `${name}-1` });
    pushed = await fetchPushed(roles.registryHost, 'default/my-work', `${name}-1`);
  }, 120_000);
  afterAll(async () => {
    await notebook?.[Symbol.asyncDispose]();
    await roles?.[Symbol.asyncDispose]();
  });

  describe('a notebook that is saved while it works', () => {
    it('is followed from the queue to the registry, with its phases in order', () => {
      expect(save.states.at(-1)).toMatchObject({ status: 'SUCCEEDED', failure: null, phase: null });
      const seen = [save.asked.build, ...save.states].filter((state) => state !== null);
      expect(inOrder(seen.map(({ status }) => status))).toEqual(['QUEUED', 'RUNNING', 'SUCCEEDED']);
      expect(inOrder(seen.map(({ phase }) => phase))).toEqual([
        null,
        'PREPARING',
        'COMMITTING',
        'EXPORTING',
        'PUSHING',
        'REGISTERING',
        null,
      ]);
      const log = save.log.map(({ text }) => text).join('\n');
      expect(log).toContain('/data, /scratch');
      expect(save.log.every(({ stream }) => stream === 'SYSTEM')).toBe(true);
      expect(notebook.secrets.filter((secret) => log.includes(secret))).toEqual([]);
    });

    it('becomes an image that is there from the start, and says in the end what the registry has', () => {
      expect(save.asked.image).toMatchObject({ status: 'INIT', origin: 'IMAGE_SAVE', digest: null });
      expect(inOrder(save.states.map(({ image }) => image.status)).slice(-2)).toEqual(['CREATING', 'ACTIVE']);
      expect(save.image).toMatchObject({
        status: 'ACTIVE',
        digest: pushed.digest,
        sizeBytes: pushed.sizeBytes,
        architecture: pushed.config.architecture === 'arm64' ? 'AARCH64' : 'X86_64',
        sourceNotebookId: notebook.id,
        sourceImage: { id: baseId },
      });
      expect(save.image.layers).toHaveLength(base.layers.length + 1);
      expect(pushed.config.rootfs.diff_ids.slice(0, -1)).toEqual(base.config.rootfs.diff_ids);
    });

    it('stands still only while it is copied, for as long as the build says, and goes on', async () => {
      const paused = save.states.filter(({ notebook: { pausedSince } }) => pausedSince !== null);
      expect(inOrder(paused.map(({ phase }) => phase))).toEqual(['COMMITTING']);
      const { pausedSince, pausedMs } = save.states.at(-1)?.notebook ?? {};
      expect(pausedSince).toBeNull();
      expect(pausedMs).toBeGreaterThan(0);
      // Podman's commit tells nobody of its pause: there the time of the whole call counts.
      if (name === 'Docker') expect(pausedMs).toBeCloseTo(await pausedByEngine(docker, notebook), -2);
      const [ticks] = await ticksOf(notebook);
      await until('the notebook to go on', async () => (await ticksOf(notebook))[0] > ticks);
    });
  });

  describe('what is pushed of it', () => {
    it('holds none of its secrets and nothing of what it was, in no byte of any layer', async () => {
      expect(pushed.holds([...notebook.secrets, ...notebook.traces])).toEqual([]);
      // That a search would find them: what the notebook has written is there.
      expect(pushed.holds(['installed and well', 'many/1999.txt'])).toHaveLength(2);
      const tags = await tagsOf(roles.registryHost, 'default/my-work');
      expect(tags.filter((tag) => tag.startsWith(name))).toEqual([`${name}-1`]);
    });

    it("has its base's configuration, one more layer, and a history of as many", () => {
      expect(said(pushed)).toEqual(said(base));
      expect(said(pushed)).toMatchObject({
        Env: expect.arrayContaining(['GREETING=from the base']),
        Entrypoint: ['start'],
        Cmd: ['serve', '--ip=0.0.0.0'],
        WorkingDir: '/home/jovyan',
        labels: { 'org.opencontainers.image.title': 'a base for notebooks' },
      });
      expect(Object.keys(pushed.config).toSorted()).toEqual([
        'architecture',
        'config',
        'created',
        'history',
        'os',
        'rootfs',
      ]);
      const steps = ({ config: { history } }: PushedImage) => history.map(({ created_by: step }) => step);
      expect(steps(pushed).slice(0, -1)).toEqual(steps(base));
      const withLayer = pushed.config.history.filter(({ empty_layer: empty }) => empty !== true);
      expect(withLayer).toHaveLength(pushed.layers.length);
    });
  });

  describe('a container of it, pulled from the registry', () => {
    let reference: string;
    beforeAll(async () => {
      reference = referenceOf('my-work', pushed.digest);
      for (const { Id } of await docker.listImages({ filters: { reference: [reference] } }))
        await docker.getImage(Id).remove({ force: true });
      await pull(docker, reference);
    });

    it('has the files as they were at one moment, with modes, owners, links and times', async () => {
      await inContainerOf(docker, reference, ['sleep', '1000'], async (inside) => {
        const [first, last] = await ticksOf(inside);
        expect(last).toBeGreaterThan(100);
        expect([last, last + 1]).toContain(first);
        expect(await filesOf(inside)).toEqual(worked);
        expect(await inside.run('ls -A /data /scratch; ls -A drafts')).toBe('/data:\n\n/scratch:\nnew.txt\n');
        const file = extract();
        Readable.from(await inside.container.getArchive({ path: '/usr/local/bin/binds' })).pipe(file);
        for await (const { header } of file)
          expect((header.pax as Record<string, string>)['SCHILY.xattr.security.capability']).toBe(
            BIND_CAPABILITY,
          );
      });
    });

    it("runs what was installed, and starts with its base's command", async () => {
      await inContainerOf(docker, reference, null, async (inside) => {
        expect(await inside.run('greet; dpkg -l greeter | tail -n 1; echo $GREETING')).toMatch(
          /^installed and well\nii +greeter .*\nfrom the base\n$/,
        );
        expect((await inside.container.inspect()).Args).toEqual(['serve', '--ip=0.0.0.0']);
        await until('the command to work', async () => (await ticksOf(inside))[1] > 100);
      });
    });
  });

  it('is a notebook again whose save adds one layer more, and the two know where they come from', async () => {
    const second = await startNotebook(docker, referenceOf('my-work', pushed.digest));
    try {
      await second.run('echo more > more.txt');
      const again = await followSave(client, { notebookId: second.id, name: 'my-work', tag: `${name}-2` });
      expect(again.image).toMatchObject({ status: 'ACTIVE', sourceImage: { id: save.image.id } });
      expect(again.image.layers.slice(0, -1)).toEqual(save.image.layers);
      const image = await fetchPushed(roles.registryHost, 'default/my-work', `${name}-2`);
      expect(
        image.holds([notebook, second].flatMap(({ secrets, traces }) => [...secrets, ...traces])),
      ).toEqual([]);
      expect(image.config.config['Cmd']).toEqual(base.config.config['Cmd']);
      const { notebooks } = await client.run<{ notebooks: { nodes: Record<string, unknown>[] } }>(
        '{ notebooks { nodes { id status layerCount sourceImage { id } savedImages { nodes { id } } } } }',
      );
      const layers = base.layers.length;
      expect(notebooks.nodes).toEqual(
        expect.arrayContaining([
          {
            id: notebook.id,
            status: 'RUNNING',
            layerCount: layers,
            sourceImage: { id: baseId },
            savedImages: { nodes: [{ id: save.image.id }] },
          },
          {
            id: second.id,
            status: 'RUNNING',
            layerCount: layers + 1,
            sourceImage: { id: save.image.id },
            savedImages: { nodes: [{ id: again.image.id }] },
          },
        ]),
      );
    } finally {
      await second[Symbol.asyncDispose]();
    }
  });
});

/** What an image says to whoever starts it: old builders also write down their step's host name, image and terminal. */
function said({ config: { config } }: PushedImage): Record<string, unknown> {
  const names = ['User', 'ExposedPorts', 'Env', 'Entrypoint', 'Cmd', 'Volumes', 'WorkingDir', 'StopSignal'];
  const { 'slipway.build': _, ...labels } = (config['Labels'] ?? {}) as Record<string, string>;
  return { ...Object.fromEntries(names.map((name) => [name, config[name] || null])), labels };
}

/** Each value where it differs from the one before. */
function inOrder<T>(values: readonly T[]): T[] {
  return values.filter((value, index) => index === 0 || value !== values[index - 1]);
}
