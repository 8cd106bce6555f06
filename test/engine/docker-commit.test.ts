import { randomUUID } from 'node:crypto';
import type Docker from 'dockerode';
import { describe, expect, inject, it } from 'vitest';
import type { CommitRequest } from '../../src/engine/container-engine.ts';
import { EngineConnection } from '../../src/engine/docker/engine-connection.ts';
import { readLines } from '../../src/engine/docker/engine-messages.ts';
import { copyLayer } from '../../src/engine/docker/layer-copy.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { collect, collectUntilError, committed } from '../contracts/container-engine.contract.ts';
import { buildRequest, createContainer, pull, startContainer, testEngine } from '../support/engine.ts';
import { readArchive } from '../support/image-archive.ts';

const quiet = createLogger('silent');
const podman = inject('podmanEndpoint');
const endpoints = [
  ['Docker', inject('engineEndpoint') ?? ''],
  ...(podman === null ? [] : [['Podman', podman] as const]),
] as const;

const commit = (containerId: string, more: Partial<CommitRequest> = {}): CommitRequest => ({
  containerId,
  pause: true,
  omitLabels: [],
  labels: { 'slipway.test': randomUUID() },
  comment: 'saved',
  ...more,
});

describe.each(endpoints)('an image that %s makes of a notebook', (_, endpoint) => {
  const { engine, docker, baseImage, registryHost } = testEngine(endpoint);

  /** An image with everything that a Dockerfile can set. */
  async function buildBase(): Promise<string> {
    const dockerfile = [
      `FROM ${baseImage}`,
      'ENV PLACE="of the base" EMPTY=',
      'RUN mkdir /made; echo x > /made/x',
      'RUN true',
      'WORKDIR /made',
      'EXPOSE 8888/tcp',
      'VOLUME /data',
      'LABEL base="yes"',
      'STOPSIGNAL SIGINT',
      'HEALTHCHECK --interval=7s CMD true',
      'ONBUILD RUN true',
      'SHELL ["/bin/sh", "-ec"]',
      'USER 0:0',
      'ENTRYPOINT ["cat"]',
      'CMD ["/work"]',
    ].join('\n');
    const last = (await collect(engine.build(buildRequest({ dockerfile }), {}))).at(-1);
    return last?.kind === 'result' ? last.imageId : '';
  }

  /** Starts a notebook that runs `script` and then goes on. */
  const startNotebook = (Image: string, script: string, more: Docker.ContainerCreateOptions = {}) =>
    startContainer(docker, {
      Image,
      Entrypoint: ['sh', '-c'],
      Cmd: [`${script}; echo ready; exec sleep 1000`],
      ...more,
    });

  /** What a container of the image prints that is started as the image says, or with another command. */
  async function outputOf(Image: string, command?: readonly string[]): Promise<string> {
    const other = command ? { Entrypoint: [...command.slice(0, 1)], Cmd: command.slice(1) } : {};
    const container = await createContainer(docker, { Image, Tty: true, ...other });
    await container.start();
    await container.wait();
    const output = String(await container.logs({ stdout: true, stderr: true }));
    await container.remove();
    return output.replaceAll('\r\n', '\n');
  }

  it('holds nothing of its environment, command, labels and host name, and is configured as the base', async () => {
    const base = await buildBase();
    const secret = `s3cret-${randomUUID()}`;
    const id = await startNotebook(base, `T=${secret}; echo work > /work`, {
      Env: [`TOKEN=${secret}`, `PLACE=${secret}`],
      Labels: { 'org.example/token': secret, [secret]: 'x' },
      Hostname: secret.slice(0, 20),
      User: '0',
      WorkingDir: '/etc',
      ExposedPorts: { '9999/tcp': {} },
      StopSignal: 'SIGTERM',
    });
    const mark = randomUUID();
    const { imageId } = await committed(engine, commit(id, { labels: { mark }, omitLabels: ['base'] }));

    const archive = await readArchive(docker, imageId);
    const told = [await docker.getImage(imageId).inspect(), await docker.getImage(imageId).history()];
    for (const unwanted of [secret.slice(0, 20), id, 'TOKEN', 'org.example', '9999/tcp']) {
      expect(archive.bytes.includes(unwanted), unwanted).toBe(false);
      expect(JSON.stringify(told), unwanted).not.toContain(unwanted);
    }
    expect(Object.keys(archive.config).toSorted()).toEqual(
      ['architecture', 'config', 'created', 'history', 'os', 'rootfs'].toSorted(),
    );
    const before = await docker.getImage(base).inspect();
    const after = await docker.getImage(imageId).inspect();
    const { base: omitted, ...labels } = before.Config.Labels ?? {};
    expect(omitted).toBe('yes');
    expect(after.Config).toEqual({ ...before.Config, Image: '', Labels: { ...labels, mark } });
    expect(after.RootFS.Layers).toEqual([...(before.RootFS.Layers ?? []), expect.any(String)]);
    expect(archive.config.history.at(-1)).toMatchObject({
      created_by: 'saved from a notebook',
      comment: 'saved',
    });
    const was = (await readArchive(docker, base)).config.history.map((entry) => [
      entry.created_by,
      entry.empty_layer === true,
    ]);
    expect(
      archive.config.history.slice(0, -1).map((entry) => [entry.created_by, entry.empty_layer === true]),
    ).toEqual(was);

    const images = await docker.listImages({
      all: true,
      filters: JSON.stringify({ label: [`mark=${mark}`] }),
    });
    expect(images.map(({ RepoTags }) => RepoTags?.map((tag) => tag.replace(/^.*\/|:.*$/g, '')))).toEqual([
      ['slipway-kept'],
    ]);
    expect(await outputOf(imageId)).toBe('work\n');
    await docker.getContainer(id).remove({ force: true, v: true });
    await engine.removeImage(imageId);
    expect(await engine.image(imageId)).toBeNull();
    await engine.removeImage(base);
  });

  it('has all of thousands of files, and can be pushed', async () => {
    await pull(docker, baseImage);
    const script =
      'i=0; while [ $i -lt 3000 ]; do mkdir -p /many/$((i%50)); echo $i > /many/$((i%50))/$i; i=$((i+1)); done; rm /bin/cal';
    const id = await startNotebook(
      baseImage,
      `touch /bin/cal; ${script}; ln -s /many /link; chown 7:8 /many/1; chmod 640 /many/1`,
    );
    const { paths } = await engine.changedPaths(id);
    expect(paths).toEqual(expect.arrayContaining(['/many', '/many/7/2957', '/link']));
    expect(paths).not.toContain('/bin/cal');
    const { imageId } = await committed(engine, commit(id));
    const look = 'find /many -type f | wc -l; cat /link/7/2957; stat -c %u:%g:%a /many/1';
    expect(await outputOf(imageId, ['sh', '-c', look])).toBe('3000\n2957\n7:8:640\n');
    const reference = `${registryHost}/commit/${randomUUID()}:1`;
    const pushed = await collect(engine.push({ imageId, reference, auth: null }, {}));
    expect(pushed.at(-1)).toMatchObject({ kind: 'result' });
    await docker.getContainer(id).remove({ force: true });
    await engine.removeImage(imageId);
  });

  it('fits together where nothing was written, and however often it is saved and started', async () => {
    await pull(docker, baseImage);
    const first = await docker.getImage(baseImage).inspect();
    expect((await engine.image(first.Id))?.references).toEqual([
      expect.stringMatching(new RegExp(`^${baseImage.replace(/:[^:/]*$/, '')}@sha256:[0-9a-f]{64}$`)),
    ]);
    let image = first.Id;
    const made: string[] = [];
    for (const [round, script] of ['true', 'echo 1 > /one', 'echo 2 > /two', 'true'].entries()) {
      const id = await startNotebook(image, script);
      const before = await engine.image(image);
      const { imageId } = await committed(engine, commit(id, { comment: `round ${round}` }));
      await docker.getContainer(id).remove({ force: true });
      const { config } = await readArchive(docker, imageId);
      const withLayer = config.history.filter((entry) => entry.empty_layer !== true);
      expect(withLayer).toHaveLength(config.rootfs.diff_ids.length);
      const added = config.rootfs.diff_ids.length - (before?.layerCount ?? 0);
      expect(added).toBeLessThanOrEqual(1);
      if (script !== 'true') expect(added).toBe(1);
      image = imageId;
      made.push(imageId);
    }
    const { config } = await readArchive(docker, image);
    expect(config.history.filter((entry) => entry.created_by === 'saved from a notebook')).toHaveLength(4);
    expect(await outputOf(image, ['cat', '/one', '/two'])).toBe('1\n2\n');
    for (const id of made.toReversed()) await engine.removeImage(id);
    expect(await engine.image(image)).toBeNull();
  });

  it('has files of one moment where the notebook stood still', async () => {
    await pull(docker, baseImage);
    const count =
      'i=0; while :; do i=$((i+1)); echo $i > /tmp/n; mv /tmp/n /a; echo $i > /tmp/n; mv /tmp/n /z; done';
    const script = `mkdir -p /tmp; head -c 50000000 /dev/urandom > /m; (${count}) & until [ -e /z ]; do :; done`;
    const id = await startNotebook(baseImage, script);
    const { imageId, stoodStill, writtenBytes } = await committed(engine, commit(id));
    expect(stoodStill).toBe(true);
    expect(writtenBytes).toBeGreaterThanOrEqual(50_000_000);
    const [a = 0, z = 0] = (await outputOf(imageId, ['cat', '/a', '/z'])).trim().split('\n').map(Number);
    expect(z).toBeGreaterThan(0);
    // It may have been stopped between the two.
    expect([0, 1]).toContain(a - z);
    await docker.getContainer(id).remove({ force: true });
    await engine.removeImage(imageId);
  });

  it('is found with its secrets when its worker dies on the way', async () => {
    await pull(docker, baseImage);
    const mark = randomUUID();
    const id = await startNotebook(baseImage, 'echo work > /work');
    const copying = copyLayer(
      new EngineConnection(endpoint),
      commit(id, { labels: { [mark]: 'a/1' } }),
      quiet,
    );
    let copy = await copying.next();
    while (!copy.done) copy = await copying.next();
    const { imageId } = copy.value;
    expect(await engine.image(imageId)).not.toBeNull();
    expect(await engine.reap(mark, async (value) => value === 'a/1')).toBe(1);
    expect(await engine.image(imageId)).toBeNull();
    await docker.getContainer(id).remove({ force: true });
  });

  it('is none where its save is aborted, and the notebook goes on, at once or when the engine can be had to', async () => {
    await pull(docker, baseImage);
    const mark = randomUUID();
    const id = await startNotebook(baseImage, 'head -c 200000000 /dev/urandom > /data');
    const signal = AbortSignal.timeout(300);
    const { events, error } = await collectUntilError(
      engine.commit(commit(id, { labels: { mark } }), { signal }),
    );
    expect(error).toBe(signal.reason);
    expect(events.map(({ kind }) => kind).join()).toMatch(/^(paused(,resumed)?)?$/);
    const filters = JSON.stringify({ label: [`mark=${mark}`] });
    await expect.poll(() => docker.listImages({ all: true, filters }), { timeout: 60_000 }).toEqual([]);
    expect((await docker.getContainer(id).inspect()).State).toMatchObject({ Running: true, Paused: false });
    await docker.getContainer(id).remove({ force: true });
  });

  it.each(['kill', 'remove'] as const)(
    'is whole, or is refused, where somebody does a %s meanwhile',
    async (what) => {
      await pull(docker, baseImage);
      const mark = randomUUID();
      const id = await startNotebook(baseImage, 'head -c 30000000 /dev/urandom > /data');
      const container = docker.getContainer(id);
      const { events, error } = await collectUntilError(
        engine.commit(commit(id, { labels: { mark } }), {}),
        async ({ kind }) => {
          if (kind === 'paused')
            await (what === 'kill' ? container.kill() : container.remove({ force: true }));
        },
      );
      const result = events.find((event) => event.kind === 'result');
      if (error)
        expect(error).toMatchObject({ reason: expect.stringMatching(/^NOTEBOOK_(GONE|NOT_RUNNING)$/) });
      else expect(await outputOf(result?.imageId ?? '', ['wc', '-c', '/data'])).toContain('30000000');
      expect(events.map(({ kind }) => kind).slice(0, 2)).toEqual(['paused', 'resumed']);
      await container.remove({ force: true }).catch(() => undefined);
      if (result) await engine.removeImage(result.imageId);
      const filters = JSON.stringify({ label: [`mark=${mark}`] });
      await expect.poll(() => docker.listImages({ all: true, filters }), { timeout: 20_000 }).toEqual([]);
    },
  );
});

describe('a notebook that Docker saves', () => {
  const endpoint = inject('engineEndpoint') ?? '';
  const { engine, docker, baseImage } = testEngine();
  const startNotebook = () =>
    startContainer(docker, {
      Image: baseImage,
      Cmd: ['sh', '-c', 'head -c 60000000 /dev/urandom > /data; echo ready; exec sleep 1000'],
    });

  it('did not stand still where somebody let it go on meanwhile', async () => {
    await pull(docker, baseImage);
    const id = await startNotebook();
    const container = docker.getContainer(id);
    const { events } = await collectUntilError(engine.commit(commit(id), {}), ({ kind }) =>
      kind === 'paused' ? container.unpause() : undefined,
    );
    const last = events.at(-1);
    expect(last).toMatchObject({ kind: 'result', stoodStill: false });
    expect((await container.inspect()).State).toMatchObject({ Running: true, Paused: false });
    await container.remove({ force: true });
    if (last?.kind === 'result') await engine.removeImage(last.imageId);
  });

  it('goes on at once where its save is aborted, and leaves no image when the engine has made it', async () => {
    await pull(docker, baseImage);
    const id = await startNotebook();
    const filters = JSON.stringify({ container: [id], event: ['pause', 'unpause', 'commit'] });
    const told = await new EngineConnection(endpoint).get({ path: '/events', query: { filters } });
    const abort = new AbortController();
    const mark = randomUUID();
    const committing = collectUntilError(
      engine.commit(commit(id, { labels: { mark } }), { signal: abort.signal }),
      ({ kind }) => kind === 'paused' && abort.abort(new Error('canceled')),
    );
    const order: string[] = [];
    for await (const line of readLines(told)) {
      const { Action }: { Action: string } = JSON.parse(line);
      order.push(Action);
      if (Action === 'commit') break;
    }
    expect(order).toEqual(['pause', 'unpause', 'commit']);
    const { events, error } = await committing;
    expect(error).toMatchObject({ message: 'canceled' });
    expect(events.map(({ kind }) => kind)).toEqual(['paused', 'resumed']);
    const images = JSON.stringify({ label: [`mark=${mark}`] });
    await expect
      .poll(() => docker.listImages({ all: true, filters: images }), { timeout: 20_000 })
      .toEqual([]);
    await docker.getContainer(id).remove({ force: true });
  });

  it('goes on after an abort also while nobody reads what its save tells', async () => {
    await pull(docker, baseImage);
    const id = await startNotebook();
    const abort = new AbortController();
    const events = engine.commit(commit(id), { signal: abort.signal })[Symbol.asyncIterator]();
    expect(await events.next()).toMatchObject({ value: { kind: 'paused' } });
    abort.abort(new Error('canceled'));
    const isPaused = async () => (await docker.getContainer(id).inspect()).State.Paused;
    await expect.poll(isPaused, { interval: 10 }).toBe(false);
    expect(await events.next()).toMatchObject({ value: { kind: 'resumed' } });
    await expect(events.next()).rejects.toThrow('canceled');
    await docker.getContainer(id).remove({ force: true });
  });
});
