import { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { expect, it } from 'vitest';
import { packContext } from '../../src/engine/docker/build-context.ts';
import { markedLabels, markerHosts } from '../../src/engine/docker/build-leftovers.ts';
import { parseMessage, readLines } from '../../src/engine/docker/engine-messages.ts';
import { textFile } from '../support/engine.ts';

it('a context has the Dockerfile, the files with their modes, and the folders they are in', async () => {
  const { tar, dockerfilePath } = await packContext('FROM a', [
    textFile('src/run.sh', 'echo', 0o755),
    textFile('src/a', '抽'),
  ]);
  expect(dockerfilePath).toBe('Dockerfile');
  expect(await entriesOf(tar)).toEqual([
    ['Dockerfile', 'file', 0o644, 'FROM a'],
    ['src/', 'directory', 0o755, ''],
    ['src/run.sh', 'file', 0o755, 'echo'],
    ['src/a', 'file', 0o644, '抽'],
  ]);
});

it('a context has each folder once, the outer ones first', async () => {
  const files = ['a/b/c/1', 'a/2', 'a/b/3', 'a/b/c/4', 'd/5', '6'].map((path) => textFile(path, ''));
  const { tar } = await packContext('FROM a', files);
  expect((await entriesOf(tar)).map(([name]) => name)).toEqual([
    'Dockerfile',
    ...['a/', 'a/b/', 'a/b/c/', 'a/b/c/1'],
    ...['a/2', 'a/b/3', 'a/b/c/4', 'd/', 'd/5', '6'],
  ]);
});

it('a context leaves a file called Dockerfile as it is, and is the same for the same files', async () => {
  const files = [textFile('Dockerfile', 'mine')];
  const { tar, dockerfilePath } = await packContext('FROM a', files);
  expect(dockerfilePath).toBe('.slipway.Dockerfile');
  expect((await entriesOf(tar)).map(([name, , , content]) => [name, content])).toEqual([
    ['.slipway.Dockerfile', 'FROM a'],
    ['Dockerfile', 'mine'],
  ]);
  expect((await packContext('FROM a', files)).tar.equals(tar)).toBe(true);
});

it('lines are read whole, however the bytes arrive', async () => {
  const bytes = Buffer.from('{"stream":"抽帧"}\n\n{"a":"\u2028"}\nlast');
  for (const size of [1, 2, 3, 7, 100]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    const lines: string[] = [];
    for await (const line of readLines(Readable.from(chunks))) lines.push(line);
    expect(lines).toEqual(['{"stream":"抽帧"}', '', '{"a":"\u2028"}', 'last']);
  }
});

it('a message is read for what has the right type, and everything else is none', () => {
  expect(parseMessage('{"stream":"x","id":7,"progressDetail":{"current":1}}')).toMatchObject({
    stream: 'x',
    id: null,
    current: 1,
    total: null,
    error: null,
  });
  expect(parseMessage('{"error":"a","errorDetail":{"code":2,"message":"b"}}')?.error).toEqual({
    message: 'b',
    code: 2,
  });
  expect(parseMessage('{"error":"a"}')?.error).toEqual({ message: 'a', code: null });
  for (const line of ['', 'x', '1', 'null', '"x"', '{']) expect(parseMessage(line)).toBeNull();
});

it('a build’s marks hold labels of any text', () => {
  const labels = { 'slipway.build': 'a=b/1', other: '抽 "x"' };
  expect(markedLabels(['db:10.0.0.1', ...markerHosts(labels)])).toEqual(new Map(Object.entries(labels)));
  expect(markerHosts({})).toEqual([]);
});

async function entriesOf(tar: Buffer): Promise<unknown[][]> {
  const entries: unknown[][] = [];
  for await (const entry of Readable.from([tar]).pipe(extract())) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const { name, type, mode } = entry.header;
    entries.push([name, type, mode, Buffer.concat(chunks).toString()]);
  }
  return entries;
}
