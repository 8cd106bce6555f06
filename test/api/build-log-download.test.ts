import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { stripVTControlCharacters } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GAP_NOTE } from '../../src/build/log/build-log-form.rules.ts';
import type { BuildEvent } from '../../src/engine/container-engine.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { beginOf, finished, startBuild } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { logEvent, stepEvent } from '../support/fake-engine.ts';
import { gate, until } from '../support/until.ts';

const DOCKERFILE = 'FROM scratch\nRUN x\n';
/** What every log begins with. */
const OURS_BEFORE = `${beginOf(1)}\n`;

let slipway: TestApp;
let admin: ApiClient;

beforeAll(async () => {
  slipway = await createTestApp();
  admin = slipway.admin;
});
afterAll(async () => await slipway[Symbol.asyncDispose]());
beforeEach(() => slipway.engine.onBuild(null));

const printing = (data: Uint8Array): BuildEvent => ({
  kind: 'log',
  step: 1,
  stream: 'STDOUT',
  data,
  at: new Date(),
});

/** A build that prints these and, at the end, what it is told to wait for. */
async function buildOf(chunks: Iterable<Uint8Array | string>, wait?: Promise<void>): Promise<string> {
  slipway.engine.onBuild(async function* () {
    yield stepEvent({ number: 1, name: 'RUN x' });
    for (const chunk of chunks) yield typeof chunk === 'string' ? logEvent(1, chunk) : printing(chunk);
    await wait;
    yield logEvent(1, 'last\n');
    yield { kind: 'result', imageId: 'sha256:1' };
  });
  const { id } = await startBuild(admin, { dockerfile: DOCKERFILE, name: `log-${Date.now()}` });
  if (wait === undefined) await finished(admin, id);
  return id;
}

async function logUrl(id: string): Promise<string> {
  const { imageBuild } = await admin.run<{ imageBuild: { logUrl: string } }>(
    'query ($id: ID!) { imageBuild(id: $id) { logUrl } }',
    { id },
  );
  return imageBuild.logUrl;
}

async function download(
  id: string,
  { query = '', headers = {}, method = 'GET', as = admin.token as string | null } = {},
): Promise<Response> {
  const token: Record<string, string> = as === null ? {} : { authorization: `Bearer ${as}` };
  const path = id.startsWith('/') ? id : await logUrl(id);
  return await fetch(`${slipway.url}${path}${query}`, { method, headers: { ...token, ...headers } });
}
/** Memory that is in use, in bytes. */
function memoryHeld(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
async function rawGet(path: string, token: string, url = slipway.url): Promise<IncomingMessage> {
  const request = get(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  request.on('error', () => undefined);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return response;
}

const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

describe('the log of a build that has ended', () => {
  let id: string;
  let whole: Buffer;
  const lines = Array.from({ length: 5000 }, (_, i) => `line ${i} \u001b[32m普通\u001b[0m\n`);

  beforeAll(async () => {
    // Some at a time, so that the log has many rows.
    id = await buildOf(Array.from({ length: 50 }, (_, i) => lines.slice(i * 100, (i + 1) * 100).join('')));
    whole = await bytesOf(await download(id));
  });

  it('is there as plain text without terminal codes', async () => {
    const response = await download(id);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': String(whole.byteLength),
      'content-disposition': expect.stringMatching(/^inline; filename="[-0-9a-f]{36}\.log"$/),
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache',
      etag: expect.stringMatching(/^"[^"]+"$/),
    });
    const expected = stripVTControlCharacters(lines.join(''));
    expect(whole.toString()).toContain(expected);
    expect(whole.includes(0x1b)).toBe(false);
  });

  it('is there as it was printed', async () => {
    const response = await download(id, { query: '?form=raw' });
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect(response.headers.get('content-disposition')).toMatch(/^attachment;/);
    const raw = await bytesOf(response);
    expect(raw.byteLength).toBe(Number(response.headers.get('content-length')));
    expect(raw.toString()).toContain(lines.join(''));
  });

  it('is found by the id as by the UUID', async () => {
    expect((await bytesOf(await download(`/builds/${id}/log`))).equals(whole)).toBe(true);
  });

  it('has a head', async () => {
    const response = await download(id, { method: 'HEAD', headers: { range: 'bytes=1-2' } });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe(String(whole.byteLength));
    expect(await response.text()).toBe('');
  });

  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=0-99', 0, 100],
    ['bytes=100-', 100, Number.POSITIVE_INFINITY],
    ['bytes=65000-66000', 65_000, 66_001],
    ['bytes=77777-99999', 77_777, 100_000],
    ['bytes=-1', -1, Number.POSITIVE_INFINITY],
    ['bytes=-50000', -50_000, Number.POSITIVE_INFINITY],
    ['bytes=5-999999999', 5, Number.POSITIVE_INFINITY],
  ])('is given in part: %s', async (range, from, to) => {
    const response = await download(id, { headers: { range } });
    const expected = whole.subarray(from, to);
    const start = from < 0 ? whole.byteLength + from : from;
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(
      `bytes ${start}-${start + expected.byteLength - 1}/${whole.byteLength}`,
    );
    expect(response.headers.get('content-length')).toBe(String(expected.byteLength));
    expect((await bytesOf(response)).equals(expected)).toBe(true);
  });

  it('can be put together from parts of any size, in both forms', async () => {
    for (const form of ['text', 'raw']) {
      const query = `?form=${form}`;
      const all = await bytesOf(await download(id, { query }));
      const parts: Buffer[] = [];
      for (let from = 0; from < all.byteLength; from += 12_347) {
        const range = `bytes=${from}-${from + 12_346}`;
        parts.push(await bytesOf(await download(id, { query, headers: { range } })));
      }
      expect(Buffer.concat(parts).equals(all)).toBe(true);
    }
  });

  it('says where a range is after its end', async () => {
    const response = await download(id, { headers: { range: `bytes=${whole.byteLength}-` } });
    expect([response.status, response.headers.get('content-range')]).toEqual([
      416,
      `bytes */${whole.byteLength}`,
    ]);
  });

  it.each(['bytes=0-1,5-6', 'bytes=5-1', 'lines=1-2', 'nonsense'])('is whole for %s', async (range) => {
    const response = await download(id, { headers: { range } });
    expect(response.status).toBe(200);
    expect((await bytesOf(response)).equals(whole)).toBe(true);
  });

  it('is sent once to who keeps it', async () => {
    const etag = (await download(id, { method: 'HEAD' })).headers.get('etag') as string;
    const again = await download(id, { headers: { 'if-none-match': `"other", ${etag}` } });
    expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
    const raw = await download(id, { query: '?form=raw', headers: { 'if-none-match': etag } });
    expect(raw.status).toBe(200);
    await raw.arrayBuffer();
    const rest = { range: 'bytes=10-' };
    const same = await download(id, { headers: { ...rest, 'if-range': etag } });
    const other = await download(id, { headers: { ...rest, 'if-range': '"other"' } });
    expect([same.status, other.status]).toEqual([206, 200]);
    await Promise.all([same.arrayBuffer(), other.arrayBuffer()]);
  });

  it.each([
    ['?form=html', 'form'],
    ['?follow=maybe', 'follow'],
    ['?from=3', 'from'],
  ])('is refused for %s', async (query, path) => {
    const response = await download(id, { query });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      errors: [{ extensions: { code: 'BAD_USER_INPUT', details: { path: [path] } } }],
    });
  });

  it('is for who may see the build alone', async () => {
    const guest = await slipway.user('guest');
    const viewer = await slipway.user('viewer', { namespace: 'VIEWER' });
    const uuid = '01234567-89ab-4cde-8f01-23456789abcd';
    const path = await logUrl(id);
    const answers = await Promise.all([
      download(path, { as: null }),
      download(path, { as: 'wrong' }),
      download(path, { as: guest.token }),
      download(`/builds/${uuid}/log`),
      download('/builds/nonsense/log'),
      download(path, { as: viewer.token }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 404, 404, 404, 200]);
    const [, , hidden, missing] = await Promise.all(answers.map((answer) => answer.text()));
    expect(hidden).toBe(missing);
    expect(JSON.parse(hidden as string)).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
  });

  it('has no length and no ranges where a version stored it that did not count', async () => {
    const old = await buildOf(['one\n', 'two\n']);
    const expected = await bytesOf(await download(old));
    await slipway.database.query(
      `with build as (update image_build set log_bytes = null, log_text_bytes = null where id = $1 returning id)
        update image_build_log set byte_offset = null, text_offset = null from build where build_id = build.id`,
      [(await logUrl(old)).split('/')[2]],
    );
    for (const query of ['', '?follow=false']) {
      const response = await download(old, { query, headers: { range: 'bytes=1-2' } });
      expect([response.status, response.headers.get('accept-ranges')]).toEqual([200, 'none']);
      expect((await bytesOf(response)).equals(expected)).toBe(true);
    }
  });
});

describe('the log of a build that runs', () => {
  it('is followed to its end', async () => {
    const { opened, open } = gate();
    const id = await buildOf(['first\n'], opened);
    const response = await download(id);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBeNull();
    expect(response.headers.get('cache-control')).toBe('no-store');
    const reader = (response.body as ReadableStream<Uint8Array>)
      .pipeThrough(new TextDecoderStream())
      .getReader();
    let text = '';
    while (!text.includes('first')) text += (await reader.read()).value ?? '';
    expect(text).not.toContain('last');
    open();
    for (let read = await reader.read(); !read.done; read = await reader.read()) text += read.value;
    expect(text.slice(0, OURS_BEFORE.length)).toBe(OURS_BEFORE);
    expect(text.slice(OURS_BEFORE.length)).toMatch(/^first\nlast\nPushing .*\nPushed .*\n$/);
    expect(await (await download(id)).text()).toBe(text);
  });

  it('is given as far as it is, in whole or in part', async () => {
    const { opened, open } = gate();
    const id = await buildOf(['0123456789\n'], opened);
    await until('its first line', async () =>
      (await (await download(id, { query: '?follow=false' })).text()).includes('0123456789\n'),
    );
    const begin = OURS_BEFORE.length;
    const end = begin + '0123456789\n'.length;
    const now = await download(id, { query: '?follow=false' });
    expect([now.status, now.headers.get('content-length'), await now.text()]).toEqual([
      200,
      `${end}`,
      `${OURS_BEFORE}0123456789\n`,
    ]);
    for (const [range, place, text] of [
      [`${begin + 5}-`, `${begin + 5}-${end - 1}`, '56789\n'],
      [`${begin + 2}-${begin + 3}`, `${begin + 2}-${begin + 3}`, '23'],
      ['-3', `${end - 3}-${end - 1}`, '89\n'],
    ] as const) {
      const part = await download(id, { headers: { range: `bytes=${range}` } });
      expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
        206,
        `bytes ${place}/*`,
        text,
      ]);
    }
    const after = await download(id, { headers: { range: `bytes=${end}-` } });
    expect([after.status, after.headers.get('content-range')]).toEqual([416, `bytes */${end}`]);
    open();
    await finished(admin, id);
    const rest = await download(id, { headers: { range: `bytes=${end}-` } });
    expect([rest.status, await rest.text()]).toEqual([206, expect.stringMatching(/^last\nPushing /)]);
  });

  it('breaks off where its reader may no longer see it, and ends where they have left', async () => {
    const { opened, open } = gate();
    const id = await buildOf(['first\n'], opened);
    const viewer = await slipway.user('soon-gone', { namespace: 'VIEWER' });
    const answers = [
      await rawGet(await logUrl(id), viewer.token),
      await rawGet(await logUrl(id), viewer.token),
    ];
    for (const answer of answers) answer.resume();
    answers[0]?.destroy();
    await slipway.database.query(
      'delete from access_token where user_id = (select id from user_account where name = $1)',
      ['soon-gone'],
    );
    const [, revoked] = answers;
    await new Promise<void>((resolve) => revoked?.once('close', resolve));
    expect(revoked?.complete).toBe(false);
    open();
    await finished(admin, id);
  });

  it('breaks off where the server stops, so that it never looks whole', async () => {
    const other = await createTestApp({ database: slipway.database, engine: slipway.engine, worker: false });
    const { opened, open } = gate();
    const id = await buildOf(['first\n'], opened);
    const answer = await rawGet(await logUrl(id), admin.token, other.url);
    answer.resume();
    answer.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => answer.once('close', resolve));
    const start = Date.now();
    await other[Symbol.asyncDispose]();
    await closed;
    expect(answer.complete).toBe(false);
    expect(Date.now() - start).toBeLessThan(5000);
    open();
    await finished(admin, id);
  });
});

describe('a log of 200 MB', () => {
  const ROWS = 3200;
  const LINES = 640;
  const LINE = `${'x'.repeat(98)}\n`;

  let id: string;

  beforeAll(async () => {
    id = await buildOf(['one\n']);
    const uid = (await logUrl(id)).split('/')[2];
    const rowBytes = LINES * LINE.length;
    const { query } = slipway.database;
    await query('delete from image_build_log where build_id = $1', [uid]);
    await query(
      'update image_build set log_line_count = $2, log_bytes = $3, log_text_bytes = $3 where id = $1',
      [uid, ROWS * LINES, ROWS * rowBytes],
    );
    await query(
      `insert into image_build_log (build_id, first_seq, last_seq, byte_offset, text_offset, data, lines)
        select $1, i * $3::int + 1, (i + 1) * $3::int, i::bigint * $4::int, i::bigint * $4::int,
          convert_to(repeat('x', 98 * $3::int), 'UTF8'),
          (select jsonb_agg('[98, 0, 0, 1, 0]'::jsonb) from generate_series(1, $3::int))
        from generate_series(0, $2::int - 1) i`,
      [uid, ROWS, LINES, rowBytes],
    );
  });

  it('is sent in memory that does not grow with it', async () => {
    const before = memoryHeld();
    const response = await download(id);
    let received = 0;
    let looked = 0;
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      received += chunk.byteLength;
      if (received - looked < 2e7) continue;
      looked = received;
      // The lines that were read last are kept for others, 32 MB of them, and some are on their way.
      expect(memoryHeld() - before).toBeLessThan(80 * 1024 * 1024);
    }
    expect(received).toBe(ROWS * LINES * LINE.length);
  }, 60_000);

  it('breaks off where its reader may no longer see it', async () => {
    const viewer = await slipway.user('gone-meanwhile', { namespace: 'VIEWER' });
    const answer = await rawGet(await logUrl(id), viewer.token);
    await slipway.database.query(
      'delete from access_token where user_id = (select id from user_account where name = $1)',
      ['gone-meanwhile'],
    );
    let received = 0;
    let closed = false;
    answer.once('close', () => {
      closed = true;
    });
    // What is there each time `until` looks: too slow to have all of it before the token is looked at.
    await until('the end', () => {
      received += (answer.read() as Buffer | null)?.byteLength ?? 0;
      return closed;
    });
    expect(answer.complete).toBe(false);
    expect(received).toBeLessThan(ROWS * LINES * LINE.length);
  }, 60_000);
});

interface LinesPage {
  readonly nodes: readonly { stream: string; raw: string; text: string; partial: boolean }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
}

describe('every byte that a step prints', () => {
  const LOG = `query ($id: ID!, $after: String) { imageBuild(id: $id) { logs(first: 1000, after: $after) {
    nodes { stream raw text partial } pageInfo { hasNextPage endCursor } } } }`;

  it('is in the raw download and in the lines: NUL, no UTF-8, 5 MB without a newline, cut characters, CR, terminal codes', async () => {
    const printed = Buffer.concat([
      Buffer.from([0, 0xff, 0xfe, 0x80, 10]),
      Buffer.from('10 %\r50 %\r100 %\n'),
      Buffer.from('\u001b[31mred\u001b[0m \u001b]0;title\u0007 \u009b1m\n\n'),
      Buffer.alloc(5 * 1024 * 1024, '普通整片'),
      Buffer.from('\n普通整片转码'),
    ]);
    // Cut so that characters and codes are cut, too.
    const chunks = Array.from({ length: Math.ceil(printed.byteLength / 30_011) }, (_, i) =>
      printed.subarray(i * 30_011, (i + 1) * 30_011),
    );
    const id = await buildOf([
      ...chunks.slice(0, 1).flatMap((chunk) => [...chunk].map((byte) => Buffer.of(byte))),
      ...chunks.slice(1),
    ]);
    const raw = await bytesOf(await download(id, { query: '?form=raw' }));
    const from = OURS_BEFORE.length;
    expect(raw.subarray(from, from + printed.byteLength).equals(printed)).toBe(true);

    const lines: LinesPage['nodes'][number][] = [];
    for (let after: string | null = null; ; ) {
      const { imageBuild }: { imageBuild: { logs: LinesPage } } = await admin.run(LOG, { id, after });
      lines.push(...imageBuild.logs.nodes);
      after = imageBuild.logs.pageInfo.endCursor;
      if (!imageBuild.logs.pageInfo.hasNextPage) break;
    }
    const joined = Buffer.concat(
      lines
        .filter(({ stream }) => stream === 'STDOUT')
        .flatMap((line) => [Buffer.from(line.raw, 'base64'), Buffer.from(line.partial ? '' : '\n')]),
    );
    expect(joined.equals(Buffer.concat([printed, Buffer.from('last\n')]))).toBe(true);

    const text = await bytesOf(await download(id));
    const fromLines = lines.map((line) => line.text + (line.partial ? '' : '\n')).join('');
    // Compared as wholes: a difference of 5 MB cannot be shown.
    expect(text.equals(Buffer.from(fromLines))).toBe(true);
    expect(fromLines === stripVTControlCharacters(fromLines)).toBe(true);
    expect(fromLines.includes('red  \n\n普通')).toBe(true);
  });

  it('arrives where there are 50 MB of them', async () => {
    const count = 500_000;
    const hashes = { raw: createHash('sha256'), text: createHash('sha256') };
    function* flood() {
      for (let i = 0; i < count; i += 1000) {
        const lines = Array.from(
          { length: 1000 },
          (_, j) => `${String(i + j).padStart(9, '0')} ${'x'.repeat(84)}`,
        );
        const chunk = lines.map((line) => `${line}\u001b[0m\n`).join('');
        hashes.raw.update(chunk);
        hashes.text.update(lines.map((line) => `${line}\n`).join(''));
        yield chunk;
      }
    }
    const id = await buildOf(flood());
    for (const form of ['raw', 'text'] as const) {
      const response = await download(id, { query: `?form=${form}` });
      const size = Number(response.headers.get('content-length'));
      const end = OURS_BEFORE.length + count * (form === 'raw' ? 99 : 95);
      const hash = createHash('sha256');
      let received = 0;
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        // What comes after it is ours, too.
        const from = Math.max(0, OURS_BEFORE.length - received);
        hash.update(chunk.subarray(from, Math.max(from, end - received)));
        received += chunk.byteLength;
      }
      expect(received).toBe(size);
      expect(hash.digest('hex')).toBe(hashes[form].digest('hex'));
    }
  }, 120_000);
});

describe('a log over its limit', () => {
  it('says where it is cut, in both forms', async () => {
    await using small = await createTestApp({ env: { SLIPWAY_MAX_LOG_BYTES: '65536' } });
    small.engine.onBuild(async function* () {
      yield stepEvent({ number: 1, name: 'RUN x' });
      for (let i = 0; i < 5000; i += 1) yield logEvent(1, `line ${i} ${'y'.repeat(50)}\n`);
      yield { kind: 'result', imageId: 'sha256:1' };
    });
    const { id } = await startBuild(small.admin, { dockerfile: DOCKERFILE, name: 'cut' });
    expect((await finished(small.admin, id)).status).toBe('SUCCEEDED');
    const headers = { authorization: `Bearer ${small.admin.token}` };
    for (const form of ['text', 'raw']) {
      const text = await (await fetch(`${small.url}/builds/${id}/log?form=${form}`, { headers })).text();
      expect(text.startsWith(`${OURS_BEFORE}line 0 y`)).toBe(true);
      expect(text).toContain(
        `only its end is kept, up to 16384 bytes, and stored when the build ends.\n${GAP_NOTE}\nline `,
      );
      expect(text).toMatch(/\nline 4999 y+\nPushing /);
      expect(Buffer.byteLength(text)).toBeLessThan(65_536);
    }
  });
});

describe('a log that retention took away', () => {
  it('is gone: 410, a gap over all lines, and the end', async () => {
    const id = await buildOf(['one\n', 'two\n']);
    const path = await logUrl(id);
    await (await download(path)).text();
    const { logLineCount } = await finished(admin, id);
    await slipway.database.query(
      `with gone as (delete from image_build_log where build_id = $1)
        update image_build set log_deleted_at = '2026-01-02T03:04:05Z' where id = $1`,
      [path.split('/')[2]],
    );
    const response = await download(path);
    expect(response.status).toBe(410);
    expect(await response.json()).toEqual({
      errors: [
        {
          message: 'The log is no more: it was kept until 2026-01-02T03:04:05.000Z.',
          extensions: { code: 'EXPIRED' },
        },
      ],
    });
    const events: unknown[] = [];
    const stream = admin.subscribe<{ imageBuildLogs: unknown }>(
      `subscription ($id: ID!) { imageBuildLogs(buildId: $id) { __typename
        ... on ImageBuildLogGap { fromSeq toSeq reason } ... on ImageBuildLogEnd { lastSeq status } } }`,
      { id },
    );
    for await (const { imageBuildLogs } of stream) events.push(imageBuildLogs);
    const gap = { fromSeq: 1, toSeq: logLineCount, reason: 'EXPIRED' };
    expect(events).toEqual([
      { __typename: 'ImageBuildLogGap', ...gap },
      { __typename: 'ImageBuildLogEnd', lastSeq: logLineCount, status: 'SUCCEEDED' },
    ]);
    const { imageBuild } = await admin.run<{ imageBuild: { logs: unknown } }>(
      `query ($id: ID!) { imageBuild(id: $id) { logs(first: 2) { nodes { seq } gaps { fromSeq toSeq reason } totalCount
        pageInfo { hasNextPage } } } }`,
      { id },
    );
    expect(imageBuild.logs).toEqual({
      nodes: [],
      gaps: [gap],
      totalCount: logLineCount,
      pageInfo: { hasNextPage: false },
    });
  });
});
