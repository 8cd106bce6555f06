import { describe, expect, it } from 'vitest';
import { ByteAlignment } from '../../src/engine/docker/classic-alignment.ts';
import { isDoubtful, streamOf, wrapped } from '../../src/engine/docker/classic-stream.ts';

const RED_TEXT = Buffer.from('red');
const WRAPPED = Buffer.from('\x1b[91mred\x1b[0m');

/** What an attach has brought since it was laid over the builder's text; `null`: that could not be done. */
function streamsOf(attached: {
  readonly STDOUT: Buffer | string | null;
  readonly STDERR: Buffer | string | null;
}) {
  const streams = { STDOUT: new ByteAlignment(), STDERR: new ByteAlignment() };
  for (const name of ['STDOUT', 'STDERR'] as const) {
    const bytes = attached[name];
    if (bytes === null) continue;
    streams[name].quiet();
    streams[name].attach(Buffer.from(bytes));
  }
  return streams;
}

it('wraps a frame as the builder does', () => {
  expect(wrapped(RED_TEXT)).toEqual(WRAPPED);
});

describe('a frame in bright red', () => {
  it.each([
    ['standard error’s where that printed it', { STDOUT: '', STDERR: 'red' }, 'STDERR'],
    ['standard error’s where more of that has come', { STDOUT: 'x', STDERR: 'red and more' }, 'STDERR'],
    ['standard output’s where that printed it, colors and all', { STDOUT: WRAPPED, STDERR: '' }, 'STDOUT'],
    ['not known yet where nothing has come', { STDOUT: '', STDERR: '' }, 'LATER'],
    ['not known yet where a part has come', { STDOUT: WRAPPED.subarray(0, 4), STDERR: 'x' }, 'LATER'],
    ['nobody’s where both printed something else', { STDOUT: 'x', STDERR: 'x' }, null],
    ['not known where the attach could not be laid over', { STDOUT: null, STDERR: null }, null],
    ['the other’s where one alone is known', { STDOUT: 'x', STDERR: null }, 'STDERR'],
    ['the other’s where the other alone is known', { STDOUT: null, STDERR: 'x' }, 'STDOUT'],
  ])('is %s', (_, attached, stream) => {
    expect(streamOf(RED_TEXT, streamsOf(attached))).toBe(stream);
  });

  it('is looked for behind what was told already', () => {
    const streams = streamsOf({ STDOUT: 'before', STDERR: '' });
    streams.STDOUT.tell(Buffer.from('before'));
    streams.STDOUT.attach(WRAPPED);
    expect(streamOf(RED_TEXT, streams)).toBe('STDOUT');
  });

  it.each([
    ['a line of standard error', 'warning: x\n', false],
    ['a text without a newline', 'red', true],
    ['a line with colors of its own', 'red\x1b[0m and \x1b[91mred\n', true],
  ])('may be guessed: %s', (_, text, doubtful) => {
    expect(isDoubtful(Buffer.from(text))).toBe(doubtful);
  });
});
