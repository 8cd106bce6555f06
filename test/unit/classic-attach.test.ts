import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { LOST } from '../../src/engine/docker/classic-alignment.ts';
import { readFrames } from '../../src/engine/docker/classic-attach.ts';
import { ClassicProgress } from '../../src/engine/docker/classic-progress.ts';
import { LOST_BYTE, parseMessage } from '../../src/engine/docker/engine-messages.ts';
import { parseDockerfile } from '../../src/shared/dockerfile.ts';

it.each([1, 3, 8, 9, 1_000])('reads frames that come %i bytes at a time', async (size) => {
  const frame = (stream: number, data: Buffer) => {
    const header = Buffer.alloc(8);
    header[0] = stream;
    header.writeUInt32BE(data.length, 4);
    return Buffer.concat([header, data]);
  };
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const all = Buffer.concat([
    frame(1, bytes),
    frame(2, Buffer.of(0)),
    frame(1, Buffer.alloc(0)),
    frame(1, bytes),
  ]);
  const chunks = Array.from({ length: Math.ceil(all.length / size) }, (_, i) =>
    all.subarray(i * size, (i + 1) * size),
  );
  const read = { STDOUT: [] as Buffer[], STDERR: [] as Buffer[] };
  for await (const { stream, data } of readFrames(Readable.from(chunks))) read[stream].push(data);
  expect(Buffer.concat(read.STDOUT).equals(Buffer.concat([bytes, bytes]))).toBe(true);
  expect(Buffer.concat(read.STDERR)).toEqual(Buffer.of(0));
});

it('tells a byte that the engine lost from a U+FFFD and from an escape that were printed', () => {
  const line = String.raw`{"stream":"a\ufffd�\\ufffd\u0000\n"}`;
  expect(parseMessage(line)?.stream).toBe(`a${LOST_BYTE}\uFFFD\\ufffd\0\n`);
});

it('marks lost bytes in what a step printed, on both streams', () => {
  const progress = new ClassicProgress(parseDockerfile('FROM x\nRUN y'), null);
  const read = (stream: string) => {
    const message = parseMessage(JSON.stringify({ stream: '' }));
    return message ? progress.read({ ...message, stream }, new Date(0)) : [];
  };
  read('Step 2/2 : RUN y');
  read(' ---> Running in 0123456789ab\n');
  expect(progress.containerId).toBe('0123456789ab');
  // The second half of this one looks like a lost byte.
  const character = String.fromCodePoint(0x3e3ff);
  expect(character.at(-1)).toBe(LOST_BYTE);
  const events = [...read(`${character}${LOST_BYTE}\uFFFD`), ...read(`\x1b[91m${LOST_BYTE}\x1b[0m`)];
  const log = { kind: 'log', at: new Date(0) };
  expect(events).toMatchObject([
    {
      ...log,
      stream: 'STDOUT',
      data: Buffer.concat([Buffer.from(character), Buffer.of(LOST), Buffer.from('\uFFFD')]),
    },
    { ...log, stream: 'STDERR', data: Buffer.of(LOST) },
  ]);
});
