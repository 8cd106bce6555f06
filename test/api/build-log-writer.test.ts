import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BuildLostError } from '../../src/build/build.store.ts';
import { decodeLines } from '../../src/build/build-log.codec.ts';
import type { EncodedLine } from '../../src/build/build-log.entity.ts';
import { BuildLogWriter } from '../../src/build/build-log.writer.ts';
import { MIGRATIONS_DIR } from '../../src/db/migrate.ts';
import { kysely, type Orm, openOrm } from '../../src/db/orm.ts';
import type { EventBus } from '../../src/events/event-bus.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
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
beforeEach(async () => {
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
});

const events = { hint: (key: string) => void hints.push(key) } as Partial<EventBus> as EventBus;
const writer = (attempt = 1, lineCount = 0) =>
  new BuildLogWriter(kysely(orm.em.fork()), events, { buildId, attempt }, lineCount);

async function rows() {
  return await database.query<{ first_seq: string; last_seq: string; data: Buffer; lines: EncodedLine[] }>(
    'select first_seq, last_seq, data, lines from image_build_log where build_id = $1 order by first_seq',
    [buildId],
  );
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

  it('stays within bounds where lines are empty, too', async () => {
    const log = writer();
    await log.append('STDOUT', 1, Buffer.alloc(200_000, '\n'), at);
    await log.finish();
    const all = await rows();
    expect(all.length).toBeGreaterThan(10);
    expect(Math.max(...all.map(({ lines }) => lines.length))).toBeLessThan(20_000);
    const [build] = await database.query<{ count: string }>(
      'select log_line_count as count from image_build where id = $1',
      [buildId],
    );
    expect(build?.count).toBe('200000');
  });

  it('is stored while it is printed, a prompt without a line end too', async () => {
    const log = writer();
    await log.append('STDOUT', 1, Buffer.from(`${'x'.repeat(70_000)}\nProceed? [y/n] `), at);
    await until('the prompt', async () => (await rows()).length > 1);
    expect((await texts()).at(-1)).toBe('Proceed? [y/n] …');
    expect(new Set(hints)).toEqual(new Set([`log:${buildId}`]));
    await log.append('STDOUT', 1, Buffer.from('y\n'), at);
    await log.finish();
    expect((await texts()).slice(-2)).toEqual(['Proceed? [y/n] …', 'y']);
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

  it('goes on with the numbers where another attempt takes over, and the first one writes nothing more', async () => {
    const first = writer(1);
    await first.say('first');
    await first.finish();
    await database.query('update image_build set attempt = 2 where id = $1', [buildId]);
    const second = writer(2, 1);
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

  it('forgets what is not stored when the build is given up', async () => {
    const log = writer();
    await log.say('unsaid');
    log.discard();
    await log.finish();
    expect(await rows()).toEqual([]);
  });
});
