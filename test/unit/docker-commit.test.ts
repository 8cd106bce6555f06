import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import type { CommitEvent } from '../../src/engine/container-engine.ts';
import { createDockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { collectUntilError } from '../contracts/container-engine.contract.ts';
import { listen } from '../support/http-server.ts';

const ID = 'c'.repeat(64);
const BASE = `sha256:${'b'.repeat(64)}`;
const COPY = `sha256:${'a'.repeat(64)}`;
const SAVED = `sha256:${'d'.repeat(64)}`;
const PAUSED_AT = new Date('2026-01-02T03:04:05.006Z');

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

/** An engine that answers as told, and elsewhere as one that has the image and commits at once; without events. */
async function engineThat(answers: Readonly<Record<string, Answer>>) {
  const asked: string[] = [];
  const usual: Record<string, Answer> = {
    'GET /events': (_, response) => void response.writeHead(200).flushHeaders(),
    [`GET /containers/${ID}/json`]: json(RUNNING),
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
  const save = async (pause = true, onEvent?: (event: CommitEvent) => unknown) => {
    const request = { containerId: ID, pause, labels: { a: 'b' }, omitLabels: [], comment: 'c' };
    const { events, error } = await collectUntilError(engine.commit(request, {}), onEvent);
    return { events, error, kinds: events.map(({ kind }) => kind), result: events.at(-1) };
  };
  return Object.assign(server, { asked, save });
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

  it('takes them from its events where it does, and tells of the pause before the commit has ended', async () => {
    const events = Promise.withResolvers<ServerResponse>();
    const seen = Promise.withResolvers<void>();
    const tell = (response: ServerResponse, Action: string, at: Date, imageID?: string) => {
      const event = { Action, Actor: { Attributes: { imageID } }, timeNano: at.getTime() * 1_000_000 };
      response.write(`${JSON.stringify(event)}\n`);
    };
    await using engine = await engineThat({
      'GET /events': (_, response) => {
        response.writeHead(200).flushHeaders();
        events.resolve(response);
      },
      'POST /commit': async (request, response) => {
        const stream = await events.promise;
        tell(stream, 'pause', PAUSED_AT);
        await seen.promise;
        tell(stream, 'commit', PAUSED_AT, COPY);
        tell(stream, 'unpause', new Date(PAUSED_AT.getTime() + 7));
        json({ Id: COPY }, 201)(request, response);
      },
    });
    const { events: told } = await engine.save(true, ({ kind }) => kind === 'paused' && seen.resolve());
    expect(told.slice(0, 2)).toEqual([
      { kind: 'paused', at: PAUSED_AT },
      { kind: 'resumed', at: new Date('2026-01-02T03:04:05.013Z') },
    ]);
    expect(told[2]).toMatchObject({ stoodStill: true });
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
