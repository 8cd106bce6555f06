import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BuildLostError } from '../../src/build/build.store.ts';
import { decodeLines } from '../../src/build/log/build-log.codec.ts';
import { decompressData, type StoredData } from '../../src/build/log/build-log.compression.ts';
import type { EncodedLines } from '../../src/build/log/build-log.entity.ts';
import { BuildLogWriter } from '../../src/build/log/build-log.writer.ts';
import { type LogForm, printLines } from '../../src/build/log/build-log-form.rules.ts';
import { MIGRATIONS_DIR } from '../../src/db/migrate.ts';
import { kysely, type Orm, openOrm } from '../../src/db/orm.ts';
import type { EventBus } from '../../src/events/event-bus.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { holding, waiting } from '../support/locks.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let orm: Orm;
let buildId: string;
let hints: string[];
const at = new Date('2024-01-01T00:00:00.000Z');

beforeAll(async () => {
  database = await createTestDatabase();
  orm = await openOrm(database.url, MIGRATIONS_DIR);
});
afterAll(async () => {
  await orm.close();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => await newBuild());

async function newBuild(): Promise<void> {
  buildId = randomUUID();
  hints = [];
  await database.query(
    `insert into image_build (id, kind, status, version, phases, steps, attempt, lost_workers, workspace_id, namespace_id,
        target_name, target_tag, target_reference, target_labels, pause, visibility, overwrite_tag, timeout_ms, job_id,
        log_line_count, created_at)
      select $1, 'DOCKERFILE', 'RUNNING', 1, '[]', '[]', 1, 0, w.id, n.id, 'x', '1', 'r/x:1', '[]', true, 'PRIVATE', false,
        1000, gen_random_uuid(), 0, now()
      from namespace n, workspace w`,
    [buildId],
  );
}

/** The build as its next attempt finds it. */
async function nextAttempt(attempt: number): Promise<typeof FIRST> {
  const [row] = await database.query<typeof FIRST>(
    `update image_build set attempt = $2 where id = $1
      returning log_line_count::int as "logLineCount", log_bytes::int as "logBytes", lost_workers as "lostWorkers"`,
    [buildId, attempt],
  );
  return row ?? FIRST;
}

const events = { hint: (key: string) => void hints.push(key) } as Partial<EventBus> as EventBus;
const FIRST = { logLineCount: 0, logBytes: 0, lostWorkers: 0 };
const writer = (attempt = 1, before: Partial<typeof FIRST> = {}, maxBytes = 1024 ** 3) =>
  new BuildLogWriter(kysely(orm.em.fork()), events, { buildId, attempt }, { ...FIRST, ...before }, maxBytes);

async function rows() {
  const all = await database.query<
    StoredData & { first_seq: string; last_seq: string; lines: EncodedLines[]; stored_bytes: number }
  >(
    `select first_seq, last_seq, data, data_bytes as "dataBytes", octet_length(data) as stored_bytes, lines
      from image_build_log where build_id = $1 order by first_seq`,
    [buildId],
  );
  return all.map((row) => ({ ...row, data: decompressData(row) }));
}
async function stored() {
  const lines = (await rows()).flatMap((row) => decodeLines(Number(row.first_seq), row.data, row.lines));
  expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index + 1));
  return lines.map(({ stream, step, partial, data }) => ({
    stream,
    step,
    partial,
    text: Buffer.from(data).toString(),
  }));
}
const texts = async () => (await stored()).map(({ text, partial }) => (partial ? `${text}…` : text));

/** Both forms of the whole log, and what the database says of their lengths and of where each row begins. */
async function forms() {
  const all = await database.query<{ byte_offset: string; text_offset: string }>(
    'select byte_offset, text_offset from image_build_log where build_id = $1 order by first_seq',
    [buildId],
  );
  const [build] = await database.query<{ log_bytes: string; log_text_bytes: string }>(
    'select log_bytes, log_text_bytes from image_build where id = $1',
    [buildId],
  );
  const parts = (await rows()).map((row) => decodeLines(Number(row.first_seq), row.data, row.lines));
  const printed = (form: LogForm) => parts.map((lines) => printLines(lines, form));
  const beginnings = (form: LogForm) => {
    let end = 0;
    return printed(form).map(({ byteLength }) => {
      end += byteLength;
      return end - byteLength;
    });
  };
  expect(all.map(({ byte_offset }) => Number(byte_offset))).toEqual(beginnings('raw'));
  expect(all.map(({ text_offset }) => Number(text_offset))).toEqual(beginnings('text'));
  const [raw, text] = [Buffer.concat(printed('raw')), Buffer.concat(printed('text'))];
  expect([raw.byteLength, text.byteLength]).toEqual([
    Number(build?.log_bytes),
    Number(build?.log_text_bytes),
  ]);
  return { raw, text: text.toString() };
}

describe("a build's log", () => {
  it('is cut into lines however the bytes come, and characters stay whole', async () => {
    const log = writer();
    for (const byte of Buffer.from('普通\n\nlast')) await log.append('STDOUT', 1, Uint8Array.of(byte), at);
    await log.finish();
    expect(await texts()).toEqual(['普通', '', 'last…']);
  });

  it('keeps what steps and streams print at the same time apart', async () => {
    const log = writer();
    await log.append('STDOUT', 1, Buffer.from('one '), at);
    await log.append('STDERR', 1, Buffer.from('err '), at);
    await log.append('STDOUT', 2, Buffer.from('two '), at);
    await log.append('STDOUT', 1, Buffer.from('one\n'), at);
    await log.append('STDERR', 1, Buffer.from('err\n'), at);
    await log.append('STDOUT', 2, Buffer.from('two\n'), at);
    await log.say('said');
    await log.finish();
    expect(await stored()).toEqual([
      { stream: 'STDOUT', step: 1, partial: false, text: 'one one' },
      { stream: 'STDERR', step: 1, partial: false, text: 'err err' },
      { stream: 'STDOUT', step: 2, partial: false, text: 'two two' },
      { stream: 'SYSTEM', step: null, partial: false, text: 'said' },
    ]);
  });

  it('holds every byte: NUL, no UTF-8, terminal codes', async () => {
    const bytes = Buffer.from([0, 255, 27, 91, 49, 109, 13, 0x80]);
    const log = writer();
    await log.append('STDOUT', 1, Buffer.concat([bytes, Buffer.from('\n')]), at);
    await log.finish();
    expect((await rows())[0]?.data).toEqual(bytes);
  });

  it('stores a line of 5 MB in parts, each row within bounds, and nothing of it is lost', async () => {
    const line = Buffer.alloc(5 * 1024 * 1024, 'abcdefg');
    const log = writer();
    for (let i = 0; i < line.byteLength; i += 32_768)
      await log.append('STDOUT', 1, line.subarray(i, i + 32_768), at);
    await log.append('STDOUT', 1, Buffer.from('\n'), at);
    await log.finish();
    const all = await rows();
    expect(Buffer.concat(all.map(({ data }) => data)).equals(line)).toBe(true);
    expect(Math.max(...all.map(({ data }) => data.byteLength))).toBeLessThanOrEqual(128 * 1024);
    const lines = await stored();
    expect(lines.slice(0, -1).every(({ partial }) => partial)).toBe(true);
    expect(lines.at(-1)?.partial).toBe(false);
  });

  it('keeps every newline, whatever the sizes of lines and of what is printed at once', async () => {
    const LINE = 65_536;
    const sizes = fc.constantFrom(0, 1, 2, 10, LINE / 2, LINE - 10, LINE - 1, LINE, LINE + 1, 2 * LINE);
    const pieces = fc.array(fc.array(fc.tuple(sizes, fc.boolean()), { maxLength: 4 }), { maxLength: 4 });
    const bytesOf = (piece: readonly (readonly [number, boolean])[]) =>
      Buffer.concat(
        piece.map(([size, ends]) =>
          Buffer.concat([Buffer.alloc(size, '普é.'), Buffer.from(ends ? '\n' : '')]),
        ),
      );
    const five = Array.from({ length: 160 }, (_, i): [number, boolean][] => [
      [LINE / 2 - (i < 159 ? 0 : 1), i === 159],
    ]);
    await fc.assert(
      fc.asyncProperty(pieces, async (printed) => {
        await newBuild();
        const log = writer();
        for (const piece of printed) await log.append('STDOUT', 1, bytesOf(piece), at);
        await log.finish();
        const whole = Buffer.concat(printed.map(bytesOf));
        expect((await forms()).raw.equals(whole)).toBe(true);
        const stored = (await rows()).flatMap(({ data, lines }) => decodeLines(1, data, lines));
        expect(Math.max(0, ...stored.map((line) => line.data.byteLength))).toBeLessThanOrEqual(LINE);
      }),
      {
        numRuns: 40,
        examples: [
          [[[[2 * LINE, true]]]],
          [[[[10, false]], [[LINE - 10, true]], [[1, true]]]],
          [[[[LINE / 2, false]], [[LINE / 2, true]], [[1, true]]]],
          [[...five, [[1, true]]]],
        ],
      },
    );
  });

  it('stays within bounds where lines are empty, too', async () => {
    const log = writer();
    await log.append('STDOUT', 1, Buffer.alloc(200_000, '\n'), at);
    await log.finish();
    const all = await rows();
    expect(all.length).toBeGreaterThan(10);
    expect(Math.max(...all.map((row) => Number(row.last_seq) - Number(row.first_seq)))).toBeLessThan(20_000);
    const [build] = await database.query<{ count: string }>(
      'select log_line_count as count from image_build where id = $1',
      [buildId],
    );
    expect(build?.count).toBe('200000');
  });

  it('is stored without a hint where the end of the build, which tells of it, follows at once', async () => {
    const log = writer();
    await log.append('STDOUT', 1, Buffer.from('first\n'), at);
    await log.finish({ hints: false });
    expect(await texts()).toEqual(['first']);
    expect(hints).toEqual([]);
    await log.append('SYSTEM', null, Buffer.from('then it failed\n'), at);
    await log.finish();
    expect(hints).toEqual([`log:${buildId}`]);
  });

  it('keeps the hint of a batch that is being written when the end is about to follow', async () => {
    const log = writer();
    let finishing: Promise<void> | undefined;
    const lock = ['select 1 from image_build where id = $1 for update', [buildId]] as const;
    await holding(database, lock, async () => {
      await log.append('STDOUT', 1, Buffer.from('first\n'), at);
      await until('the batch to be written', async () => (await waiting(database)) > 0);
      finishing = log.finish({ hints: false });
    });
    await finishing;
    expect(hints).toEqual([`log:${buildId}`]);
  });

  it('is stored in fewer bytes than it has', async () => {
    const log = writer();
    const printed = Array.from(
      { length: 5000 },
      (_, n) => `Unpacking libexample${n} (1.2.3-4) over (1.2.3-3) ...`,
    );
    for (const line of printed) await log.append('STDOUT', 1, Buffer.from(`${line}\n`), at);
    await log.finish();
    expect(await texts()).toEqual(printed);
    const all = await rows();
    expect(all.length).toBeGreaterThan(2);
    for (const { data, dataBytes, stored_bytes } of all) {
      expect(dataBytes).toBe(data.byteLength);
      expect(stored_bytes).toBeLessThan(data.byteLength / 3);
    }
  });

  it('is stored while it is printed, a prompt without a line end too', async () => {
    const log = writer();
    await log.append('STDOUT', 1, Buffer.from(`${'x'.repeat(70_000)}\nProceed? [y/n] `), at);
    await until('the prompt', async () => (await texts()).at(-1) === 'Proceed? [y/n] …');
    expect(new Set(hints)).toEqual(new Set([`log:${buildId}`]));
    await log.append('STDOUT', 1, Buffer.from('y\n'), at);
    await log.finish();
    expect((await texts()).slice(-2)).toEqual(['Proceed? [y/n] …', 'y']);
  });

  it('waits for the rest of a character, but not with what came before it', async () => {
    const log = writer();
    const bytes = Buffer.from('half a 普');
    await log.append('STDOUT', 1, bytes.subarray(0, -1), at);
    await until('what came before', async () => (await rows()).length === 1);
    await log.append('STDOUT', 1, bytes.subarray(-1), at);
    await log.append('STDOUT', 1, Buffer.from('\n'), at);
    await log.finish();
    expect(await texts()).toEqual(['half a …', '普']);
  });

  it('shows where lines are missing', async () => {
    const log = writer();
    await log.append('STDOUT', 1, Buffer.from('before, and a piece'), at);
    await log.gap(1, at);
    await log.append('STDOUT', 1, Buffer.from('after\n'), at);
    await log.finish();
    expect((await stored()).map(({ stream, text }) => [stream, text])).toEqual([
      ['STDOUT', 'before, and a piece'],
      ['GAP', ''],
      ['STDOUT', 'after'],
    ]);
  });

  it('makes one gap of those that follow one another, and stores none by itself', async () => {
    const log = writer();
    await log.append('STDOUT', 1, Buffer.from('a'), at);
    for (let i = 0; i < 3; i += 1) await log.gap(1, at);
    await log.gap(2, at);
    await log.append('STDOUT', 1, Buffer.from('b'), at);
    await log.gap(1, at);
    await until('the gaps', async () => (await rows()).length > 0);
    expect((await rows()).map(({ lines }) => lines.length)).toEqual([5]);
    await log.gap(1, at);
    await log.finish();
    expect((await stored()).map(({ stream, step, text }) => [stream, step, text])).toEqual([
      ['STDOUT', 1, 'a'],
      ['GAP', 1, ''],
      ['GAP', 2, ''],
      ['STDOUT', 1, 'b'],
      ['GAP', 1, ''],
    ]);
  });

  it('puts nothing behind a line that has not ended but what that line goes on with', async () => {
    const first = writer();
    const print = async (stream: 'STDOUT' | 'STDERR', step: number, text: string) =>
      await first.append(stream, step, Buffer.from(text), at);
    await print('STDOUT', 1, 'ab');
    await until('the first part', async () => (await rows()).length === 1);
    await print('STDOUT', 1, 'c');
    await first.gap(1, at);
    await print('STDOUT', 1, 'd');
    await until('the next part', async () => (await texts()).at(-1) === 'd…');
    await print('STDERR', 1, 'of another stream\n');
    await print('STDOUT', 1, '\ne');
    await first.finish();
    await first.say('Failed: it did.');
    await print('STDOUT', 1, 'f');
    await first.finish();
    await print('STDOUT', 1, 'anew');
    await first.finish();
    const second = writer(2, await nextAttempt(2));
    await second.append('STDOUT', 1, Buffer.from('of the second attempt\n'), at);
    await second.finish();
    const { raw, text } = await forms();
    expect(text).toBe(
      'abc\n[lines are missing here]\nd\nof another stream\n\ne\nFailed: it did.\nf\nanew\nof the second attempt\n',
    );
    expect(raw.toString()).toBe(text);
  });

  it('goes on with the numbers where another attempt takes over, and the first one writes nothing more', async () => {
    const first = writer(1);
    await first.say('first');
    await first.finish();
    await database.query('update image_build set attempt = 2 where id = $1', [buildId]);
    const second = writer(2, { logLineCount: 1 });
    await second.say('second');
    await second.finish();
    await first.say('too late');
    await expect(first.finish()).rejects.toThrow(BuildLostError);
    await expect(first.say('still')).rejects.toThrow(BuildLostError);
    expect(await texts()).toEqual(['first', 'second']);
  });

  it('takes nothing more when the build has ended', async () => {
    await database.query("update image_build set status = 'FAILED', finished_at = now() where id = $1", [
      buildId,
    ]);
    const log = writer();
    await log.say('too late');
    await expect(log.finish()).rejects.toThrow(BuildLostError);
    expect(await rows()).toEqual([]);
  });

  it('counts where each batch begins in both forms, through all attempts', async () => {
    const first = writer(1);
    await first.append('STDOUT', 1, Buffer.from('\u001b[31mred\u001b[0m\n'), at);
    await first.gap(1, at);
    await first.append('STDOUT', 1, Buffer.from([0xff, 0x0a]), at);
    await first.append('STDOUT', 1, Buffer.from('open'), at);
    await first.finish();
    await database.query('update image_build set attempt = 2 where id = $1', [buildId]);
    const [{ count = 0, bytes = 0 } = {}] = await database.query<{ count: number; bytes: number }>(
      'select log_line_count::int as count, log_bytes::int as bytes from image_build where id = $1',
      [buildId],
    );
    const second = writer(2, { logLineCount: count, logBytes: bytes });
    await second.append('STDOUT', 1, Buffer.from('\u009b1mtwo\n'), at);
    await second.finish();
    expect((await forms()).text).toBe('red\n[lines are missing here]\n\ufffd\nopen\ntwo\n');
  });

  it('of a version that did not count its bytes stays uncounted', async () => {
    await database.query(
      'update image_build set log_bytes = null, log_text_bytes = null, log_line_count = 3 where id = $1',
      [buildId],
    );
    const log = writer(1, { logLineCount: 3 });
    await log.say('more');
    await log.finish();
    const [row] = await database.query(
      'select byte_offset, text_offset, first_seq from image_build_log where build_id = $1',
      [buildId],
    );
    expect(row).toEqual({ byte_offset: null, text_offset: null, first_seq: '4' });
  });

  it('forgets what is not stored when the build is given up', async () => {
    const log = writer();
    await log.say('unsaid');
    log.discard();
    await log.finish();
    expect(await rows()).toEqual([]);
  });
});

describe('a log that is longer than its limit', () => {
  const MAX = 1024 * 1024;
  /** 100 bytes with the newline. */
  const numbered = (i: number) => `${String(i).padStart(99, '.')}\n`;
  const numberOf = (line: string) => Number(line.replaceAll('.', ''));

  async function flood(log: BuildLogWriter, count: number): Promise<void> {
    for (let i = 1; i <= count; i += 100) {
      const text = Array.from({ length: 100 }, (_, j) => numbered(i + j)).join('');
      await log.append('STDOUT', 1, Buffer.from(text), at);
    }
  }

  it('keeps its head and its tail, and a gap between them that is there before the end', async () => {
    const log = writer(1, {}, MAX);
    await flood(log, 30_000);
    await until('the gap', async () => (await stored()).some(({ stream }) => stream === 'GAP'));
    const before = await stored();
    await log.say('The end.');
    await log.finish();
    const all = await stored();
    expect(all.slice(0, before.length)).toEqual(before);
    expect(before.at(-2)).toMatchObject({
      stream: 'SYSTEM',
      text: expect.stringContaining(`longer than ${MAX / 2} bytes`),
    });
    expect(before.at(-1)?.stream).toBe('GAP');
    const head = before.slice(0, -2).map(({ text }) => numberOf(text));
    expect(head).toEqual(head.map((_, i) => i + 1));
    expect(all.at(-1)?.text).toBe('The end.');
    const tail = all.slice(before.length, -1).map(({ text }) => numberOf(text));
    expect(tail).toEqual(tail.map((_, i) => 30_000 - tail.length + 1 + i));
    for (const [length, part] of [
      [head.length, 0.5],
      [tail.length, 0.25],
    ] as const) {
      expect(length * 131).toBeGreaterThan(MAX * (part - 0.02));
      expect(length * 131).toBeLessThan(MAX * part + 2000);
    }
    await forms();
  });

  it('has no gap where its tail holds all that is left', async () => {
    const log = writer(1, {}, MAX);
    await flood(log, 5500);
    await log.finish();
    const all = await stored();
    expect(all.some(({ stream }) => stream === 'GAP')).toBe(false);
    const lines = all.filter(({ stream }) => stream === 'STDOUT').map(({ text }) => numberOf(text));
    expect(lines).toEqual(Array.from({ length: 5500 }, (_, i) => i + 1));
  });

  it('keeps the tail of the next attempt, too', async () => {
    const first = writer(1, {}, MAX);
    await flood(first, 20_000);
    await first.finish();
    const before = await stored();
    const logBytes = (await forms()).raw.byteLength;
    await database.query('update image_build set attempt = 2 where id = $1', [buildId]);
    const second = writer(2, { logLineCount: before.length, logBytes }, MAX);
    await second.say('Attempt 2.');
    await flood(second, 20_000);
    await second.finish();
    const added = (await stored()).slice(before.length);
    expect(added.slice(0, 3).map(({ stream }) => stream)).toEqual(['SYSTEM', 'GAP', 'STDOUT']);
    const tail = added.slice(2).map(({ text }) => numberOf(text));
    expect(tail).toEqual(tail.map((_, i) => 20_000 - tail.length + 1 + i));
    expect(tail.length * 131).toBeGreaterThan(MAX * 0.12);
  });

  it('keeps to it however often its end is stored, and the newest end is there each time', async () => {
    let before = FIRST;
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      before = attempt === 1 ? FIRST : await nextAttempt(attempt);
      const log = writer(attempt, before, MAX);
      for (let retry = 0; retry < 3; retry += 1) {
        await flood(log, attempt + retry === 1 ? 9000 : 2500);
        await log.say(`Failed: ${attempt}.${retry}`);
        await log.finish();
        expect((await rows()).at(-1)?.data.toString()).toMatch(
          new RegExp(`\\.\\d+Failed: ${attempt}.${retry}$`),
        );
      }
    }
    const { logLineCount, logBytes } = await nextAttempt(6);
    const ends = 5 * 3;
    expect((await stored()).filter(({ stream }) => stream === 'GAP').length).toBe(ends);
    expect(logBytes + 32 * logLineCount).toBeLessThan(MAX + ends * 5000);
    await forms();
  });

  it('shows a gap where the worker that held its end was lost', async () => {
    const lost = writer(1, {}, MAX);
    await flood(lost, 5500);
    await until('the note', async () => (await stored()).at(-1)?.stream === 'SYSTEM');
    lost.discard();
    const before = await stored();
    const logBytes = (await forms()).raw.byteLength;
    await database.query('update image_build set attempt = 2 where id = $1', [buildId]);
    const second = writer(2, { logLineCount: before.length, logBytes, lostWorkers: 1 }, MAX);
    await second.say('Attempt 2.');
    await second.finish();
    const added = (await stored()).slice(before.length);
    expect(added.map(({ stream, text }) => [stream, text.slice(0, 10)])).toEqual([
      ['GAP', ''],
      ['SYSTEM', 'The log is'],
      ['SYSTEM', 'Attempt 2.'],
    ]);
  });

  it('counts empty lines, too', async () => {
    const log = writer(1, {}, MAX);
    await log.append('STDOUT', 1, Buffer.alloc(2_000_000, '\n'), at);
    await log.finish();
    expect((await stored()).length).toBeLessThan(MAX / 30);
  });
});
