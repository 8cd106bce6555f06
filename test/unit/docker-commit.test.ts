import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import type { CallOptions, CommitEvent } from '../../src/engine/container-engine.ts';
import { markerHosts } from '../../src/engine/docker/build-leftovers.ts';
import { createDockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { collectUntilError } from '../contracts/container-engine.contract.ts';
import { listen } from '../support/http-server.ts';
import { until } from '../support/until.ts';

const ID = 'c'.repeat(64);
const BASE = `sha256:${'b'.repeat(64)}`;
const COPY = `sha256:${'a'.repeat(64)}`;
const SAVED = `sha256:${'d'.repeat(64)}`;
const CANCELED = new Error('canceled');
const UNPAUSE = `POST /containers/${ID}/unpause`;

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;
const json =
  (value: unknown, status = 200): Answer =>
  (_, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
const refuse = (message: string, status = 500) => json({ message }, status);
const image = (layers: number) => ({
  Id: SAVED,
  Architecture: 'amd64',
  Os: 'linux',
  Size: 10,
  Config: { Env: null, Labels: null },
  RootFS: { Layers: Array.from({ length: layers }, (_, i) => `sha256:${i}`) },
  RepoTags: ['slipway-kept:x'],
});
const entry = { Created: 1, CreatedBy: 'RUN x', Comment: '', Size: 5 };
const RUNNING = { Id: ID, Image: BASE, State: { Running: true, Paused: false, Status: 'running' } };

/**
 * An engine that answers as told, and elsewhere as one that has the image and commits at once without a word. Its container stands
 * still when it is told to; its clock is five minutes behind.
 */
async function engineThat(answers: Readonly<Record<string, Answer>>) {
  const asked: string[] = [];
  const opened = Promise.withResolvers<ServerResponse>();
  let isPaused = false;
  const tell = async (Action: 'pause' | 'unpause' | 'commit', imageID?: string) => {
    if (Action !== 'commit') isPaused = Action === 'pause';
    const event = { Action, Actor: { Attributes: { imageID } }, timeNano: (Date.now() - 300_000) * 1e6 };
    (await opened.promise).write(`${JSON.stringify(event)}\n`);
  };
  const usual: Record<string, Answer> = {
    'GET /events': (_, response) => {
      response.writeHead(200).flushHeaders();
      opened.resolve(response);
    },
    [`GET /containers/${ID}/json`]: (request, response) => {
      const State = { Running: true, Paused: isPaused, Status: isPaused ? 'paused' : 'running' };
      json({ ...RUNNING, State })(request, response);
    },
    [UNPAUSE]: async (_, response) => {
      await tell('unpause');
      response.writeHead(204).end();
    },
    [`GET /images/${BASE}/json`]: json(image(1)),
    [`GET /images/${BASE}/history`]: json([entry]),
    'POST /commit': json({ Id: COPY }, 201),
    [`GET /images/${COPY}/json`]: json({ ...image(2), Id: COPY }),
    [`GET /images/${COPY}/history`]: json([entry, entry]),
    'POST /images/load': (request, response) => void request.resume().on('end', () => response.end('{}\n')),
    'GET /images/tag/json': json(image(2)),
    'DELETE /images/tag': json([]),
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? '').replace(/\?.*$/, '').replace(/\/slipway-kept:[^/]+/, '/tag');
    const call = `${request.method} ${path}`;
    asked.push(call);
    await (answers[call] ?? usual[call] ?? refuse('no such route', 404))(request, response);
  };
  const server = await listen((request, response) => void answer(request, response));
  const engine = createDockerEngine(`tcp://127.0.0.1:${server.port}`, createLogger('silent'));
  const save = async (pause = true, onEvent?: (event: CommitEvent) => unknown, options: CallOptions = {}) => {
    const request = { containerId: ID, pause, labels: { a: 'b' }, omitLabels: [], comment: 'c' };
    const { events, error } = await collectUntilError(engine.commit(request, options), onEvent);
    return { events, error, kinds: events.map(({ kind }) => kind), result: events.at(-1) };
  };
  return Object.assign(server, {
    asked,
    save,
    tell,
    engine,
    /** Without a word of it. */
    setPaused(paused: boolean) {
      isPaused = paused;
    },
    isPaused: () => isPaused,
    resumes: () => asked.filter((call) => call === UNPAUSE).length,
    isReleased: () => asked.includes('DELETE /images/tag'),
  });
}

/** An engine whose commit does what it is told to before it answers. */
async function engineThatCommits(
  during: (engine: Awaited<ReturnType<typeof engineThat>>) => Promise<unknown>,
  answers: Readonly<Record<string, Answer>> = {},
) {
  const engine = await engineThat({
    'POST /commit': async (request, response) => {
      await during(engine);
      json({ Id: COPY }, 201)(request, response);
    },
    ...answers,
  });
  return engine;
}

describe('a commit', () => {
  it('takes its times from the call where the engine tells of no pause', async () => {
    await using engine = await engineThat({});
    const { error, kinds, result } = await engine.save();
    expect(error).toBeNull();
    expect(kinds).toEqual(['paused', 'resumed', 'result']);
    expect(result).toEqual({ kind: 'result', imageId: SAVED, writtenBytes: 5, stoodStill: true });
    expect(engine.asked.at(-1)).toBe('DELETE /images/tag');
  });

  it('goes without a pause where the engine cannot pause, and says so', async () => {
    let calls = 0;
    await using engine = await engineThat({
      'GET /events': refuse('cannot read events with the "none" logger'),
      'POST /commit': (request, response) => {
        calls += 1;
        const cannot = refuse('can not pause containers on rootless containers with cgroup V1');
        return (request.url?.includes('pause=true') ? cannot : json({ Id: COPY }, 201))(request, response);
      },
    });
    const { kinds, result } = await engine.save();
    expect(calls).toBe(2);
    expect(kinds).toEqual(['result']);
    expect(result).toMatchObject({ stoodStill: false });
  });

  it.each([
    [
      'an image that the engine has no more',
      { [`GET /images/${BASE}/json`]: refuse('no such image', 404) },
      'BASE_IMAGE_NOT_FOUND',
    ],
    [
      'a container that is paused',
      {
        [`GET /containers/${ID}/json`]: json({
          ...RUNNING,
          State: { Running: true, Paused: true, Status: 'paused' },
        }),
      },
      'NOTEBOOK_NOT_RUNNING',
    ],
    [
      'a container that is being removed',
      {
        [`GET /containers/${ID}/json`]: json({
          ...RUNNING,
          State: { Running: false, Paused: false, Status: 'removing' },
        }),
      },
      'NOTEBOOK_GONE',
    ],
    [
      'a container that is not there',
      { [`GET /containers/${ID}/json`]: refuse('no such container', 404) },
      'NOTEBOOK_GONE',
    ],
  ])('is refused for %s before it begins', async (_, answers, reason) => {
    await using engine = await engineThat(answers);
    const { error, events } = await engine.save();
    expect(error).toMatchObject({ reason });
    expect(events).toEqual([]);
    expect(engine.asked).not.toContain('POST /commit');
  });

  it('of a container that is removed meanwhile says that it is gone', async () => {
    let isGoing = false;
    await using engine = await engineThat({
      [`GET /containers/${ID}/json`]: (request, response) => {
        const State = isGoing ? { Running: false, Paused: false, Status: 'removing' } : RUNNING.State;
        return json({ ...RUNNING, State })(request, response);
      },
      'POST /commit': (request, response) => {
        isGoing = true;
        return refuse('You cannot commit a container which is being removed', 409)(request, response);
      },
    });
    expect((await engine.save()).error).toMatchObject({ reason: 'NOTEBOOK_GONE' });
  });

  it.each([
    ['while it copies', { 'POST /commit': refuse('write /x: no space left on device') }],
    [
      'while it takes the image, of which it tells in its answer',
      {
        'POST /images/load': (request, response) =>
          void request
            .resume()
            .on('end', () => response.end('{"error":"write /y: no space left on device"}\n')),
        [`GET /images/${COPY}/get`]: refuse('no space left on device'),
      } satisfies Record<string, Answer>,
    ],
  ])('says that the disk is full: %s', async (_, answers) => {
    await using engine = await engineThat(answers);
    const { error } = await engine.save(false);
    expect(error).toMatchObject({ reason: 'DISK_FULL' });
  });

  it('that the engine does not survive says so, and not that the notebook goes on', async () => {
    const dies = Promise.withResolvers<void>();
    let isDead = false;
    await using engine = await engineThat({
      [`GET /containers/${ID}/json`]: (request, response) =>
        isDead ? request.socket.destroy() : json(RUNNING)(request, response),
      'POST /commit': async (request) => {
        await engine.tell('pause');
        await dies.promise;
        request.socket.destroy();
      },
    });
    const { error, kinds } = await engine.save(true, () => {
      isDead = true;
      dies.resolve();
    });
    expect(error).toMatchObject({ reason: 'ENGINE_UNAVAILABLE' });
    expect(kinds).toEqual(['paused']);
  });

  it.each([
    ['refuses an archive without layers', refuse('Some layer tarfiles are missing in the tarball')],
    [
      'says so in its answer',
      (_: IncomingMessage, response: ServerResponse) => response.end('{"error":"layer not found"}\n'),
    ],
    [
      'takes it and does not have the image',
      (_: IncomingMessage, response: ServerResponse) => response.end('{}\n'),
    ],
  ])('passes the layers on where the engine %s', async (_, answer) => {
    const loads: Buffer[] = [];
    await using engine = await engineThat({
      'POST /images/load': async (request, response) => {
        loads.push(await buffer(request));
        await (loads.length === 1 ? answer : json({}))(request, response);
      },
      'GET /images/tag/json': (request, response) =>
        (loads.length === 1 ? refuse('no such image', 404) : json(image(2)))(request, response),
      [`GET /images/${COPY}/get`]: async (_request, response) => {
        const tar = pack();
        tar.entry({ name: '0/layer.tar' }, 'a layer of the base');
        tar.entry({ name: '1/layer.tar' }, 'what was written');
        tar.entry({ name: 'x.json' }, '{"Env":["TOKEN=hunter2"]}');
        tar.entry({ name: 'manifest.json' }, '[{"Layers":["0/layer.tar","1/layer.tar"]}]');
        tar.finalize();
        response.end(await buffer(tar));
      },
    });
    const { error, result } = await engine.save(false);
    expect(error).toBeNull();
    expect(result).toMatchObject({ imageId: SAVED });
    expect(loads.map((body) => body.includes('what was written'))).toEqual([false, true]);
    expect(loads.some((body) => body.includes('hunter2'))).toBe(false);
    expect(engine.asked).toContain('DELETE /images/tag');
  });

  it('releases what it copied where the image cannot be made', async () => {
    await using engine = await engineThat({
      'POST /images/load': refuse('no'),
      [`GET /images/${COPY}/get`]: refuse('no'),
      'GET /images/tag/json': refuse('no such image', 404),
    });
    expect((await engine.save(false)).error).toMatchObject({ reason: 'INTERNAL' });
    expect(engine.asked.at(-1)).toBe('DELETE /images/tag');
  });
});

describe('the pause of a commit', () => {
  it('is told as it begins and ends, before the answer and by the clock of this process', async () => {
    const paused = Promise.withResolvers<void>();
    const resumed = Promise.withResolvers<void>();
    await using engine = await engineThatCommits(async ({ tell }) => {
      await tell('pause');
      await paused.promise;
      await tell('commit', COPY);
      await tell('unpause');
      await resumed.promise;
    });
    const begin = Date.now();
    const { events, kinds, result } = await engine.save(true, ({ kind }) => {
      if (kind === 'paused') paused.resolve();
      if (kind === 'resumed') resumed.resolve();
    });
    expect(kinds).toEqual(['paused', 'resumed', 'result']);
    for (const event of events) {
      if (event.kind !== 'result') expect(event.at.getTime()).toBeGreaterThanOrEqual(begin);
    }
    expect(result).toMatchObject({ stoodStill: true });
    expect(engine.resumes()).toBe(0);
  });

  it('ends at once after an abort, once, and is told so while the engine still copies', async () => {
    const copied = Promise.withResolvers<void>();
    await using engine = await engineThatCommits(async ({ tell }) => {
      await tell('pause');
      await copied.promise;
      await tell('commit', COPY);
    });
    const abort = new AbortController();
    const { error, kinds, events } = await engine.save(
      true,
      ({ kind }) => kind === 'paused' && abort.abort(CANCELED),
      { signal: abort.signal },
    );
    expect(error).toBe(CANCELED);
    expect(kinds).toEqual(['paused', 'resumed']);
    const [from = 0, to = 0] = events.map((event) => ('at' in event ? event.at.getTime() : 0));
    expect(to - from).toBeLessThan(900);
    // Somebody pauses it while the engine still copies: another save, for one.
    await engine.tell('pause');
    copied.resolve();
    await until('the copy to be released', engine.isReleased);
    expect(engine.isPaused()).toBe(true);
    expect(engine.resumes()).toBe(1);
  });

  it.each(['tells of it', 'does not tell of it'])(
    'that comes after the abort is ended too, where the engine %s',
    async (how) => {
      const called = Promise.withResolvers<void>();
      const thrown = Promise.withResolvers<void>();
      const answers = Promise.withResolvers<void>();
      const isTold = how === 'tells of it';
      await using engine = await engineThatCommits(
        async ({ tell, setPaused }) => {
          called.resolve();
          await thrown.promise;
          if (isTold) await tell('pause');
          else setPaused(true);
          await answers.promise;
        },
        isTold ? {} : { 'GET /events': refuse('cannot read events with the "none" logger') },
      );
      const abort = new AbortController();
      void called.promise.then(() => abort.abort(CANCELED));
      const { error, kinds } = await engine.save(true, undefined, { signal: abort.signal });
      expect(error).toBe(CANCELED);
      expect(kinds).toEqual([]);
      thrown.resolve();
      if (!isTold) answers.resolve();
      await until('it to go on', () => engine.resumes() === 1);
      expect(engine.isPaused()).toBe(false);
      answers.resolve();
      await until('the copy to be released', engine.isReleased);
      expect(engine.resumes()).toBe(1);
    },
  );

  it('is not waited for where the engine tells nothing until it has ended its commit', async () => {
    const answers = Promise.withResolvers<void>();
    let isCommitting = false;
    await using engine = await engineThatCommits(
      async () => {
        isCommitting = true;
        await answers.promise;
        isCommitting = false;
        engine.setPaused(true);
      },
      {
        [`GET /containers/${ID}/json`]: async (request, response) => {
          if (isCommitting) await answers.promise;
          const State = { ...RUNNING.State, Paused: engine.isPaused() };
          json({ ...RUNNING, State })(request, response);
        },
      },
    );
    const abort = new AbortController();
    const { error, kinds } = await engine.save(
      true,
      ({ kind }) => kind === 'paused' && abort.abort(CANCELED),
      { signal: abort.signal },
    );
    expect(error).toBe(CANCELED);
    // It is taken to stand still, and nobody knows that it goes on.
    expect(kinds).toEqual(['paused']);
    expect(engine.resumes()).toBe(0);
    answers.resolve();
    await until('it to go on', () => engine.resumes() > 0 && !engine.isPaused());
    await until('the copy to be released', engine.isReleased);
  }, 15_000);

  it.each([
    ['it runs: the engine could not pause it', false],
    ['it is paused: somebody else was before the engine', true],
  ])('was none where the engine tells of its copy alone, and %s', async (_, isPaused) => {
    await using engine = await engineThatCommits(async ({ tell, setPaused }) => {
      setPaused(isPaused);
      await tell('commit', COPY);
    });
    const { kinds, result } = await engine.save();
    expect(kinds).toEqual(['result']);
    expect(result).toMatchObject({ stoodStill: false });
    expect(engine.resumes()).toBe(0);
    expect(engine.isPaused()).toBe(isPaused);
  });

  it('is over when the engine has ended it: one that follows is somebody else’s', async () => {
    await using engine = await engineThatCommits(async ({ tell }) => {
      await tell('pause');
      await tell('commit', COPY);
      await tell('unpause');
      await tell('pause');
    });
    const { kinds, result } = await engine.save();
    expect(kinds).toEqual(['paused', 'resumed', 'result']);
    expect(result).toMatchObject({ stoodStill: true });
    expect(engine.resumes()).toBe(0);
    expect(engine.isPaused()).toBe(true);
  });

  it.each([
    ['is assumed where it stands still', true, ['paused', 'resumed', 'result'], true],
    ['is none where it runs', false, ['result'], false],
  ])('of which the engine tells nothing %s', async (_, isPaused, expected, stoodStill) => {
    let looks = 0;
    const answers = Promise.withResolvers<void>();
    await using engine = await engineThatCommits(
      async ({ setPaused }) => {
        setPaused(isPaused);
        await answers.promise;
        setPaused(false);
      },
      {
        [`GET /containers/${ID}/json`]: (request, response) => {
          looks += 1;
          json({ ...RUNNING, State: { ...RUNNING.State, Paused: engine.isPaused() } })(request, response);
          // The first is before the commit; the second look has been taken in when the third comes.
          if (looks === 4) answers.resolve();
        },
      },
    );
    const { kinds, result } = await engine.save(true, ({ kind }) => kind === 'paused' && answers.resolve());
    expect(kinds).toEqual(expected);
    expect(result).toMatchObject({ stoodStill });
  });

  it.each([
    ['lasted until the answer', ['pause'], 'paused', true],
    ['ended before', ['pause', 'unpause'], 'resumed', false],
  ] as const)(
    'is known although the engine does not tell of its copy: it %s',
    async (_, events, last, stoodStill) => {
      const told = Promise.withResolvers<void>();
      await using engine = await engineThatCommits(async ({ tell }) => {
        for (const event of events) await tell(event);
        await told.promise;
      });
      const { kinds, result } = await engine.save(true, ({ kind }) => kind === last && told.resolve());
      expect(kinds).toEqual(['paused', 'resumed', 'result']);
      expect(result).toMatchObject({ stoodStill });
      expect(engine.isPaused()).toBe(false);
    },
  );

  it('did not last where the container went on before its files were copied', async () => {
    await using engine = await engineThatCommits(async ({ tell }) => {
      await tell('pause');
      await tell('commit', 'sha256:of an earlier save');
      await tell('unpause');
      await tell('commit', COPY);
    });
    expect((await engine.save()).result).toMatchObject({ stoodStill: false });
  });
});

it('an image that was imported without a configuration can be read and saved from', async () => {
  await using engine = await engineThat({
    [`GET /images/${BASE}/json`]: json({ ...image(1), Config: null }),
  });
  expect(await engine.engine.image(BASE)).toMatchObject({ env: {}, labels: {} });
  expect((await engine.save(false)).result).toMatchObject({ kind: 'result', imageId: SAVED });
});

it('a container with nothing set is read all the same', async () => {
  const Config = { Image: 'x', Env: null, Labels: null };
  const State = { ...RUNNING.State, StartedAt: '0001-01-01T00:00:00Z' };
  await using engine = await engineThat({
    [`GET /containers/${ID}/json`]: json({ ...RUNNING, State, Config, HostConfig: {}, Mounts: null }),
  });
  expect(await engine.engine.container(ID)).toMatchObject({ env: {}, labels: {}, mounts: [] });
});

it('a container that the engine cannot tell of keeps no other from being reaped', async () => {
  const other = 'e'.repeat(64);
  const label = 'slipway.build';
  await using engine = await engineThat({
    'GET /containers/json': json([{ Id: ID }, { Id: other }]),
    [`GET /containers/${ID}/json`]: refuse('it is stuck'),
    [`GET /containers/${other}/json`]: json({
      Id: other,
      HostConfig: { ExtraHosts: markerHosts({ [label]: 'a' }) },
    }),
    [`DELETE /containers/${other}`]: (_, response) => response.writeHead(204).end(),
    'GET /images/json': json([]),
  });
  expect(await engine.engine.reap(label, async (value) => value === 'a')).toBe(1);
  expect(engine.asked).toContain(`DELETE /containers/${other}`);
});
