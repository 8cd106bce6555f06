import type { IncomingMessage } from 'node:http';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BuildEvent, BuildRequest } from '../../src/engine/container-engine.ts';
import { createDockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { collectUntilError } from '../contracts/container-engine.contract.ts';
import { buildRequest } from '../support/engine.ts';
import { listen } from '../support/http-server.ts';
import { stopClock } from '../support/stopped-clock.ts';

const ID = 'a'.repeat(64);
const CLOSED = '/var/lib/x/without-host-loopback/slirp4netns';
const LOOSE = '/usr/bin/slirp4netns';

/** What was asked, and how Podman answers. */
let asked: { path: string; query: URLSearchParams; headers: IncomingMessage['headers'] }[];
let rootless: boolean;
let executable: string;
let version: string;
/** What it has under the build's tag. */
let built: string | null;
beforeEach(() => {
  asked = [];
  rootless = true;
  executable = CLOSED;
  version = '4.3.1';
  built = `sha256:${ID}`;
});

const podman = async () =>
  await listen((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://podman');
    asked.push({ path: pathname, query: searchParams, headers: request.headers });
    request.resume();
    const json = (value: unknown, status = 200) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    if (pathname.endsWith('/version'))
      return json({ Version: version, Components: [{ Name: 'Podman Engine' }] });
    if (pathname.endsWith('/libpod/info'))
      return json({ host: { security: { rootless }, slirp4netns: { executable } } });
    if (pathname.includes('/images/')) return built === null ? json({}, 404) : json({ Id: built });
    const frames = ['STEP 1/2: FROM x\n', 'STEP 2/2: RUN y\n', `${'b'.repeat(64)}\n`, 'COMMIT\n', `${ID}\n`];
    request.once('end', () => response.end(frames.map((stream) => JSON.stringify({ stream })).join('\n')));
  });

async function build(buildNetwork = 'default', more: Partial<BuildRequest> = {}) {
  await using server = await podman();
  const engine = createDockerEngine(`tcp://${server.host}`, createLogger('silent'), { buildNetwork });
  const registryAuths = { 'registry.test': { username: 'ann', password: 'secret' } };
  const request = buildRequest({ dockerfile: 'FROM x\nRUN y', registryAuths, ...more });
  const { events, error } = await collectUntilError(engine.build(request, {}));
  return { events, error, call: asked.find(({ path }) => path.endsWith('/build')) };
}
const resultOf = (events: readonly BuildEvent[]) => events.find(({ kind }) => kind === 'result');

describe('a build by Podman', () => {
  it.each([
    ['default', '', null],
    ['none', '', 'NetworkDisabled'],
    ['builds', 'builds', null],
  ])("asks its own API, never for the machine's network: %s", async (network, path, mode) => {
    const { error, call } = await build(network);
    expect(error).toBeNull();
    expect(call?.path).toBe('/v4.0.0/libpod/build');
    expect(JSON.parse(call?.query.get('nsoptions') ?? '')).toEqual([
      { Name: 'network', Host: false, Path: path },
    ]);
    expect(call?.query.get('networkmode')).toBe(mode);
    expect(call?.query.get('pullpolicy')).toBe('always');
    expect(call?.headers).toMatchObject({ 'content-type': 'application/x-tar' });
    expect(call?.headers['x-registry-config']).toBeDefined();
  });

  it("ends in what has the build's own tag, whatever a step has printed", async () => {
    const { events, call } = await build();
    expect(resultOf(events)).toEqual({ kind: 'result', imageId: `sha256:${ID}` });
    expect(asked.at(-1)?.path).toContain(encodeURI(call?.query.get('t') ?? 'no tag'));
    built = null;
    const lost = await build();
    expect(resultOf(lost.events)).toBeUndefined();
    expect(lost.error).toMatchObject({ reason: 'INTERNAL' });
  });

  it.each(['3.0.1', '3.4.4'])('is not begun by Podman %s, and says which it takes', async (old) => {
    version = old;
    const { events, error } = await build();
    expect(error).toMatchObject({
      reason: 'STEP_FAILED',
      message: expect.stringContaining('Podman 4 or newer'),
    });
    expect(events).toEqual([]);
    expect(asked.every(({ path }) => path.endsWith('/version'))).toBe(true);
  });

  it('asks the engine what it is only where the worker has not asked within two seconds', async () => {
    using clock = stopClock();
    await using server = await podman();
    const engine = createDockerEngine(`tcp://${server.host}`, createLogger('silent'));
    expect(await engine.info()).toMatchObject({ name: 'Podman', version });
    for (const [passed, times] of [
      [1999, 1],
      [1, 2],
    ] as const) {
      clock.pass(passed);
      const { error } = await collectUntilError(engine.build(buildRequest({ dockerfile: 'FROM x' }), {}));
      expect(error).toBeNull();
      expect(asked.filter(({ path }) => path.endsWith('/version'))).toHaveLength(times);
    }
  });

  it('is not begun without labels: nobody would find what it leaves', async () => {
    const { error, call } = await build('default', { labels: {} });
    expect(String(error)).toContain('labels');
    expect(call).toBeUndefined();
  });

  it.each([
    ['reach the loopback of the machine', LOOSE],
    ['install slirp4netns', ''],
  ])('is not begun where its steps would %s', async (words, program) => {
    executable = program;
    const { error, call } = await build();
    expect(error).toMatchObject({ reason: 'STEP_FAILED', message: expect.stringContaining(words) });
    expect(call).toBeUndefined();
    expect((await build('none')).error).toBeNull();
  });

  it.each([
    ['that root runs', () => (rootless = false)],
    ['from version 5 on', () => (version = '5.4.0')],
  ])('needs none of that with Podman %s', async (_, change) => {
    executable = LOOSE;
    change();
    expect((await build()).error).toBeNull();
  });
});
