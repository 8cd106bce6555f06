import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { BuildEvent, BuildRequest } from '../../src/engine/container-engine.ts';
import { packContext } from '../../src/engine/docker/build-context.ts';
import { markerHosts } from '../../src/engine/docker/build-leftovers.ts';
import { createDockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { runPush } from '../../src/engine/docker/docker-push.ts';
import { EngineConnection } from '../../src/engine/docker/engine-connection.ts';
import { auxField, readMessages } from '../../src/engine/docker/engine-messages.ts';
import { createLogger } from '../../src/shared/logger.ts';
import {
  collect,
  collectUntilError,
  containerEngineContract,
  logBytes,
} from '../contracts/container-engine.contract.ts';
import {
  buildContainers,
  buildRequest,
  createContainer,
  engineHarness,
  isRunning,
  pull,
  testEngine,
  textFile,
  uniqueSleep,
} from '../support/engine.ts';
import { lastSteps, printed } from '../support/recorded-build.ts';

const quiet = createLogger('silent');

containerEngineContract('Docker', async () => engineHarness(testEngine()));

const podman = inject('podmanEndpoint');
if (podman !== null) containerEngineContract('Podman', async () => engineHarness(testEngine(podman), 4));

describe.each(['classic', 'buildkit'] as const)('the %s builder', (builder) => {
  const { engine, docker, baseImage } = testEngine();
  const build = (request: Partial<BuildRequest> & { dockerfile: string }) =>
    collectUntilError(engine.build(buildRequest({ builder, ...request }), {}));

  it('builds stages from files, and takes the second build from its cache', async () => {
    const dockerfile = [
      'ARG WHO=world',
      `FROM ${baseImage} AS build`,
      'ARG WHO',
      'COPY src /src',
      'RUN sh /src/hello.sh $WHO > /out; cat /out',
      '',
      `FROM ${baseImage}`,
      'COPY --from=build /out /out',
      `RUN cat /out; : ${randomUUID()}`,
      'CMD ["cat", "/out"]',
    ].join('\n');
    const files = [textFile('src/hello.sh', 'echo hello $1'), textFile('src/deep/other.txt', 'x')];
    const request = { dockerfile, files, buildArgs: { WHO: 'Ada' }, labels: { 'slipway.build': '42' } };
    const first = await build(request);
    expect(first.error).toBeNull();
    expect(first.events[1]).toEqual({ kind: 'total', steps: 9 });
    expect(lastSteps(first.events).map(({ status }) => status)).toEqual(Array(9).fill('SUCCEEDED'));
    expect(printed(first.events, 8)).toBe('hello Ada\n');
    const imageId = resultOf(first.events);
    expect((await docker.getImage(imageId).inspect()).Config.Labels).toMatchObject({ 'slipway.build': '42' });

    const second = await build({ ...request, labels: { 'slipway.build': '43' } });
    const cached = lastSteps(second.events)
      .filter((step) => step.cached)
      .map(({ number }) => number);
    expect(cached).toEqual(expect.arrayContaining([4, 5, 7, 8]));
    expect(logBytes(second.events)).toHaveLength(0);
  });

  it('builds only up to its target', async () => {
    const { events, error } = await build({
      dockerfile: `FROM ${baseImage} AS one\nRUN echo one\nFROM ${baseImage}\nRUN exit 1\n`,
      target: 'one',
    });
    expect(error).toBeNull();
    expect(events[1]).toEqual({ kind: 'total', steps: 2 });
  });

  it('tells the failing step, its exit code and its line', async () => {
    const { error } = await build({
      dockerfile: `FROM ${baseImage}\n# why\nENV A=b\nRUN echo a && \\\n  exit 41\n`,
    });
    expect(error).toMatchObject({ reason: 'STEP_FAILED', step: 3, exitCode: 41, line: 4 });
  });

  it('tells that a base image does not exist, or that its registry cannot be reached', async () => {
    const nope = `${inject('registryHost')}/nope:1`;
    expect((await build({ dockerfile: `FROM ${nope}\nRUN x` })).error).toMatchObject({
      reason: 'BASE_IMAGE_NOT_FOUND',
      step: 1,
      line: 1,
      message: `The base image ${nope} does not exist, or may not be pulled.`,
    });
    expect((await build({ dockerfile: 'FROM 127.0.0.1:9/x:1\nRUN x' })).error).toMatchObject({
      reason: 'REGISTRY_UNAVAILABLE',
      message: 'The registry of the base image 127.0.0.1:9/x:1 cannot be reached.',
    });
  });

  it('keeps standard output and standard error apart', async () => {
    const run = `printf 'out 1\\n'; sleep 0.2; printf 'err 1\\n' >&2; sleep 0.2; printf 'out 2\\n'; : ${randomUUID()}`;
    const { events } = await build({ dockerfile: `FROM ${baseImage}\nRUN ${run}\n` });
    expect(logBytes(events, 'STDOUT').toString()).toBe('out 1\nout 2\n');
    expect(logBytes(events, 'STDERR').toString()).toBe('err 1\n');
    expect(logBytes(events).toString()).toBe('out 1\nerr 1\nout 2\n');
  });

  it('leaves no process and no container when it is aborted', async () => {
    const seconds = uniqueSleep();
    const abort = new AbortController();
    // Heard of when the step sleeps already: a process that is about to be another has no command line for a moment.
    const dockerfile = `FROM ${baseImage}\nRUN (sleep 0.3; echo go) & sleep ${seconds}\n`;
    const request = buildRequest({ builder, dockerfile });
    const build = engine.build(request, { signal: abort.signal });
    let ran = false;
    await collectUntilError(build, (event) => {
      // What is logged after the abort finds the step gone.
      if (event.kind !== 'log' || abort.signal.aborted) return;
      ran = isRunning(`sleep ${seconds}`);
      abort.abort();
    });
    expect(ran).toBe(true);
    await expect.poll(() => isRunning(`sleep ${seconds}`), { timeout: 5_000 }).toBe(false);
    await expect.poll(() => buildContainers(docker, request.labels), { timeout: 5_000 }).toBe(0);
  });

  it('refuses here-documents on an engine that would read them as instructions', async () => {
    const { error } = await build({
      dockerfile: `FROM ${baseImage}\nRUN <<CMD\nADD http://127.0.0.1:9/x /x\nCMD\n`,
    });
    const major = Number.parseInt((await engine.info()).version, 10);
    if (builder === 'classic' || major < 23)
      expect(error).toMatchObject({ reason: 'DOCKERFILE_INVALID', line: 2 });
    else expect(error).toBeNull();
  });
});

describe('the log of the classic builder', () => {
  const { engine, baseImage } = testEngine();

  it('has every byte of 20,000 lines, in order', async () => {
    const run =
      'i=0; while [ $i -lt 20000 ]; do echo "line $i of many, long enough to fill pipes"; i=$((i+1)); done';
    const dockerfile = `FROM ${baseImage}\nRUN ${run}\n`;
    const events = await collect(
      engine.build(buildRequest({ dockerfile, noCache: true, builder: 'classic' }), {}),
    );
    const expected = Array.from(
      { length: 20_000 },
      (_, i) => `line ${i} of many, long enough to fill pipes\n`,
    ).join('');
    expect(logBytes(events).equals(Buffer.from(expected))).toBe(true);
    expect(events.some(({ kind }) => kind === 'clipped')).toBe(false);
  });
});

describe('the log of BuildKit', () => {
  const { engine, baseImage } = testEngine();

  it('has every byte, also those that are not UTF-8', async () => {
    const dockerfile = `FROM ${baseImage}\nRUN printf '\\346'; sleep 0.5; printf '\\212\\275\\000\\377\\n'\n`;
    const events = await collect(
      engine.build(buildRequest({ dockerfile, noCache: true, builder: 'buildkit' }), {}),
    );
    expect(logBytes(events)).toEqual(Buffer.from([0xe6, 0x8a, 0xbd, 0, 0xff, 10]));
  });
});

it.each(['classic', 'buildkit'] as const)(
  'the %s builder loses nothing of what triggers of a base image and the steps behind them print',
  async (builder) => {
    const { engine, docker, baseImage, registryHost } = testEngine();
    const base = buildRequest({
      dockerfile: `FROM ${baseImage}\nONBUILD RUN echo one\nONBUILD RUN echo two\n`,
    });
    const imageId = resultOf(await collect(engine.build(base, {})));
    const reference = `${registryHost}/onbuild/${randomUUID()}:1`;
    await collect(engine.push({ imageId, reference, auth: null }, {}));
    const dockerfile = `FROM ${reference}\nRUN echo first\nWORKDIR /\nRUN A=1; echo "second $A"\n`;
    const request = buildRequest({ builder, dockerfile, noCache: true });
    const { events, error } = await collectUntilError(engine.build(request, {}));
    expect(error).toBeNull();
    expect(logBytes(events).toString().split('\n').toSorted()).toEqual([
      '',
      'first',
      'one',
      'second 1',
      'two',
    ]);
    expect(printed(events, 2)).toBe('first\n');
    expect(printed(events, 4)).toBe('second 1\n');
    expect(lastSteps(events).map(({ status }) => status)).toEqual(Array(4).fill('SUCCEEDED'));
    // BuildKit keeps it to itself.
    if (builder === 'classic') await docker.getImage(reference).remove({ force: true });
    await engine.removeImage(imageId);
  },
);

it('a copy from an image that the engine has is told of before it begins', async () => {
  const { docker, baseImage } = testEngine();
  await pull(docker, baseImage);
  const connection = new EngineConnection(inject('engineEndpoint') ?? '');
  const { tar, dockerfilePath } = await packContext(`FROM scratch\nCOPY --from=${baseImage} /bin /bin\n`, []);
  const query = { dockerfile: dockerfilePath, pull: true, nocache: true };
  const said: string[] = [];
  for await (const { stream, status } of readMessages(
    await connection.post({ path: '/build', query, body: tar }),
  )) {
    const words = /^(?:Step \d|Pulling from|Status: Image is up to date| ---> )/.exec(
      stream ?? status ?? '',
    )?.[0];
    if (words !== undefined) said.push(words);
  }
  expect(said).toEqual([
    'Step 1',
    ' ---> ',
    'Step 2',
    'Pulling from',
    'Status: Image is up to date',
    ' ---> ',
  ]);
});

describe('a push', () => {
  const { engine, docker, registryHost, baseImage } = testEngine();
  let imageId = '';
  beforeAll(async () => {
    const events = await collect(
      engine.build(buildRequest({ dockerfile: `FROM ${baseImage}\nRUN echo x > /x` }), {}),
    );
    imageId = resultOf(events);
  });
  afterAll(() => engine.removeImage(imageId));

  it('tells the digest that the registry has, and takes its tag away', async () => {
    const repository = `push/${randomUUID()}`;
    const reference = `${registryHost}/${repository}:v1`;
    const events = await collect(engine.push({ imageId, reference, auth: null }, {}));
    const last = events.at(-1);
    const manifest = await fetch(`http://${registryHost}/v2/${repository}/manifests/v1`, {
      headers: { accept: 'application/vnd.docker.distribution.manifest.v2+json' },
    });
    expect(last).toEqual({ kind: 'result', digest: manifest.headers.get('docker-content-digest') });
    const { RepoTags } = await docker.getImage(imageId).inspect();
    expect(RepoTags.filter((name) => !name.startsWith('slipway-kept:'))).toEqual([]);
    expect(RepoTags).not.toEqual([]);
  });

  it('gives up on a registry that accepts and never answers', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const connection = new EngineConnection(inject('engineEndpoint') ?? '');
    const request = { imageId, reference: `127.0.0.1:${port}/x:1`, auth: null };
    const { error } = await collectUntilError(runPush(connection, request, quiet, undefined, 1_500));
    expect(error).toMatchObject({ reason: 'REGISTRY_UNAVAILABLE' });
    expect((await docker.getImage(imageId).inspect()).RepoTags).not.toContain(request.reference);
    silent.close();
  });
});

describe('leftovers of builds', () => {
  const { engine, docker, baseImage } = testEngine();
  const connection = new EngineConnection(inject('engineEndpoint') ?? '');

  it('are removed where nobody wants them, and nothing else is', async () => {
    await pull(docker, baseImage);
    const label = `slipway.test.${randomUUID()}`;
    const start = async (options: object) => {
      const container = await createContainer(docker, {
        Image: baseImage,
        Cmd: ['sleep', '1000'],
        ...options,
      });
      await container.start();
      return container;
    };
    const marked = (value: string) => ({
      HostConfig: { ExtraHosts: markerHosts({ [label]: value }) },
    });
    const dead = await start(marked('dead'));
    const alive = await start(marked('alive'));
    // As a container is whose image was built here: it inherits the image's labels.
    const innocent = await start({ Labels: { [label]: 'dead' } });
    expect(await engine.reap(label, async (value) => value === 'dead')).toBe(1);
    expect(await engine.container(dead.id)).toBeNull();
    for (const container of [alive, innocent]) {
      expect(await engine.container(container.id)).not.toBeNull();
      await container.remove({ force: true });
    }
  });

  it.each(['classic', 'buildkit'] as const)(
    'of the %s builder are images too, unless somebody has named them, runs them or builds on them',
    async (builder) => {
      const label = `slipway.test.${randomUUID()}`;
      const build = async (
        value: string,
        dockerfile = `FROM ${baseImage}\nRUN echo ${randomUUID()} > /x\n`,
      ) => {
        const request = buildRequest({ builder, dockerfile, labels: { [label]: value } });
        return resultOf(await collect(engine.build(request, {})));
      };
      const [dead, alive, named, used] = [
        await build('dead'),
        await build('alive'),
        await build('dead'),
        await build('dead'),
      ];
      const pushed = await build('dead');
      const place = { repo: `registry.example:5000/${randomUUID()}`, tag: '1' };
      await docker.getImage(pushed).tag(place);
      const pushedAs = async () => [`${place.repo}:1`];
      const repo = `somebody/${randomUUID()}`;
      await docker.getImage(named).tag({ repo, tag: 'mine' });
      const container = await createContainer(docker, { Image: used, Cmd: ['sleep', '1000'] });
      await container.start();
      // Of somebody's own making, without a name: it inherits the label, and so does every step's image on the way.
      const { tar, dockerfilePath } = await packContext(
        `FROM ${repo}:mine\nRUN echo ${randomUUID()} > /y\n`,
        [],
      );
      const query = builder === 'buildkit' ? { version: 2 as const } : {};
      const answer = await connection.post({
        path: '/build',
        query: { dockerfile: dockerfilePath, ...query },
        body: tar,
      });
      let foreign = '';
      for await (const { aux } of readMessages(answer)) foreign = auxField(aux, 'ID') ?? foreign;
      expect((await docker.getImage(foreign).inspect()).Config.Labels).toMatchObject({ [label]: 'dead' });

      expect(await engine.reap(label, async (value) => value === 'dead', pushedAs)).toBe(2);
      expect(await engine.image(dead)).toBeNull();
      expect(await engine.image(pushed)).toBeNull();
      for (const id of [alive, named, used, foreign]) expect(await engine.image(id)).not.toBeNull();
      expect((await docker.getImage(named).inspect()).RepoTags).toEqual([`${repo}:mine`]);
      expect((await container.inspect()).State.Running).toBe(true);

      await container.remove({ force: true });
      expect(await engine.reap(label, async (value) => value === 'dead')).toBe(1);
      expect(await engine.image(used)).toBeNull();
      for (const id of [foreign, `${repo}:mine`, alive]) await docker.getImage(id).remove({ force: true });
    },
  );

  it('are marked by the classic builder, whatever the labels hold', async () => {
    const labels = { 'slipway.build': `${randomUUID()}/1=x`, other: 'a "b", $c' };
    const abort = new AbortController();
    const dockerfile = `FROM ${baseImage}\nRUN echo go; sleep ${uniqueSleep()}\n`;
    const seen: string[] = [];
    for await (const event of engine.build(buildRequest({ dockerfile, labels }), { signal: abort.signal })) {
      if (event.kind !== 'log') continue;
      await engine.reap('slipway.build', async (value) => seen.push(value) < 0);
      break;
    }
    // Others' builds run beside it.
    expect(seen.filter((value) => value === labels['slipway.build'])).toHaveLength(1);
  });
});

it('says what to do when there is no engine', async () => {
  const engine = createDockerEngine('unix:///nowhere/docker.sock', quiet);
  const unavailable = { reason: 'ENGINE_UNAVAILABLE', message: expect.stringContaining('DOCKER_HOST') };
  await expect(engine.info()).rejects.toMatchObject(unavailable);
  await expect(engine.containers('x')).rejects.toMatchObject(unavailable);
  const { error } = await collectUntilError(engine.build(buildRequest({ dockerfile: 'FROM x' }), {}));
  expect(error).toMatchObject(unavailable);
});

function resultOf(events: readonly BuildEvent[]): string {
  const last = events.at(-1);
  return last?.kind === 'result' ? last.imageId : '';
}
