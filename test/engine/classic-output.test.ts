import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { BuildEvent } from '../../src/engine/container-engine.ts';
import { collect, collectUntilError, logBytes } from '../contracts/container-engine.contract.ts';
import { buildRequest, testEngine } from '../support/engine.ts';

const { engine, baseImage } = testEngine();

const run = (command: string, content = Buffer.alloc(0)) =>
  collect(
    engine.build(
      buildRequest({
        dockerfile: `FROM ${baseImage}\nCOPY content /\nRUN ${command}\n`,
        files: [{ path: 'content', content, mode: 0o644 }],
        builder: 'classic',
        noCache: true,
      }),
      {},
    ),
  );
const isClipped = (events: readonly BuildEvent[]) => events.some(({ kind }) => kind === 'clipped');
/** Every byte that is ASCII; nothing of them may ever be missing or come twice. */
const ascii = (bytes: Buffer) => bytes.filter((byte) => byte < 0x80);

const CHINESE = Buffer.from(Array.from({ length: 140_000 }, (_, i) => `第 ${i} 行：抽帧完成\n`).join(''));
const EVERY_BYTE = Buffer.from(Array.from({ length: 65_536 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
// Also holds characters of four bytes, which JSON and JavaScript write in two halves.
const RANDOM = randomBytes(2_000_000);
const LONG_LINE = Buffer.from(`${'长行'.repeat(850_000)}\n`);

describe('the log of the classic builder, of a step that has run for a second', () => {
  it.each([
    ['4 MB of Chinese, written in odd chunks', 'dd if=/content bs=4093 2> /dev/null', CHINESE],
    ['every byte, NUL and invalid UTF-8 among them', 'cat /content', EVERY_BYTE],
    ['2 MB of random bytes', 'cat /content', RANDOM],
    ['a line of 5 MB', 'cat /content', LONG_LINE],
  ])('is exact: %s', async (_, command, content) => {
    const events = await run(`sleep 1; ${command}`, content);
    expect(logBytes(events).equals(content)).toBe(true);
    expect(isClipped(events)).toBe(false);
  });

  it('is exact on both streams, which stay apart', async () => {
    const command =
      "sleep 1; printf '\\346'; sleep 0.3; printf '\\377\\000' >&2; sleep 0.3; printf '\\212\\275\\n'";
    const events = await run(command);
    expect(logBytes(events, 'STDOUT')).toEqual(Buffer.from('抽\n'));
    expect(logBytes(events, 'STDERR')).toEqual(Buffer.of(0xff, 0));
    expect(isClipped(events)).toBe(false);
  });

  it('is exact up to its end where the step fails', async () => {
    const dockerfile = `FROM ${baseImage}\nRUN sleep 1; printf '\\377\\n'; exit 3\n`;
    const request = buildRequest({ dockerfile, builder: 'classic' });
    const { events, error } = await collectUntilError(engine.build(request, {}));
    expect(error).toMatchObject({ reason: 'STEP_FAILED', exitCode: 3 });
    expect(logBytes(events)).toEqual(Buffer.of(0xff, 10));
  });
});

describe('what a step prints in bright red on its standard output', () => {
  const red = '\x1b[91mred\x1b[0m';
  const print = "printf '\\033[91mred\\033[0m'";

  it('has its colors and its stream, beside what is standard error', async () => {
    const events = await run(
      `sleep 1; ${print}; sleep 0.3; printf red >&2; sleep 0.3; ${print}; printf 'end\\n' >&2`,
    );
    expect(logBytes(events, 'STDOUT').toString()).toBe(red + red);
    expect(logBytes(events, 'STDERR').toString()).toBe('redend\n');
    expect(isClipped(events)).toBe(false);
  });

  it('has them too, or a gap tells that they may be missing, where it is printed at once', async () => {
    const events = await run(print);
    expect(logBytes(events, 'STDOUT').toString() === red || isClipped(events)).toBe(true);
    expect(logBytes(events).toString()).toContain('red');
  });
});

it('standard error of 20,000 lines is exact, and nothing is taken for standard output', async () => {
  const line = 'line $i of many, long enough to fill pipes';
  const events = await run(`sleep 1; i=0; while [ $i -lt 20000 ]; do echo "${line}" >&2; i=$((i+1)); done`);
  const expected = Array.from({ length: 20_000 }, (_, i) => `${line.replace('$i', String(i))}\n`).join('');
  expect(logBytes(events, 'STDERR').toString()).toBe(expected);
  expect(logBytes(events, 'STDOUT')).toHaveLength(0);
  expect(isClipped(events)).toBe(false);
});

it('a step that prints what the builder says at its end has all that it prints in its log', async () => {
  const lines = [
    'echo Removing intermediate container $(hostname)',
    "echo ' ---> 0123456789ab'",
    'echo secret',
  ];
  const events = await run(`sleep 1; ${lines.join('; sleep 0.3; ')}`);
  expect(logBytes(events).toString()).toMatch(
    /^Removing intermediate container [0-9a-f]{12}\n ---> 0123456789ab\nsecret\n$/,
  );
});

describe('the log of the classic builder, of a step that prints at once', () => {
  it.each([
    ['Chinese', CHINESE],
    ['every byte', EVERY_BYTE],
  ])('is exact, or tells of a gap: %s', async (_, content) => {
    const events = await run('cat /content', content);
    const log = logBytes(events);
    expect(log.equals(content) || isClipped(events)).toBe(true);
    expect(Buffer.from(ascii(log)).equals(Buffer.from(ascii(content)))).toBe(true);
  });

  it('tells of no gap where U+FFFD itself was printed', async () => {
    const events = await run("printf '\\357\\277\\275\\n'");
    expect(logBytes(events)).toEqual(Buffer.from('\uFFFD\n'));
    expect(isClipped(events)).toBe(false);
  });
});
