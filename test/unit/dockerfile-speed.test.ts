import { expect, it } from 'vitest';
import { checkDockerfile, MAX_DOCKERFILE_BYTES } from '../../src/build/dockerfile/dockerfile.rules.ts';
import { guardedBases } from '../../src/build/dockerfile/dockerfile-base.rules.ts';

/** A Dockerfile of a megabyte: a start, and a part again and again. */
function megabyte(start: string, part: (index: number) => string): string {
  const parts = [start];
  for (let length = start.length, i = 0; length < MAX_DOCKERFILE_BYTES; i += 1) {
    const one = part(i);
    parts.push(one);
    length += one.length;
  }
  return parts.join('').slice(0, MAX_DOCKERFILE_BYTES);
}

const files = Array.from({ length: 1000 }, (_, i) => `folder${i % 10}/inner/${'a'.repeat(30)}${i}.txt`);
const options = { files, registries: { own: '127.0.0.1:5000', publicHosts: true, hosts: [] } };
const doubling = Array.from({ length: 60 }, (_, i) => `ARG A${i + 1}=$A${i}$A${i}\n`).join('');

// Each of these took from seconds to for ever before its square, or its power of two, was taken out. Here the limit is far
// above what they take (0.1 to 0.3 s each on an idle core), so that a busy machine does not fail them.
it.each<[string, string]>([
  ['values that double', `ARG A0=a\n${doubling}FROM $A60`],
  ['a chain of ONBUILD', megabyte('FROM a\n', () => 'ONBUILD ')],
  ['white space inside a line', `FROM a\nRUN x${' '.repeat(1_000_000)}y`],
  ['variables that do not end', megabyte('FROM ', () => `\${A`)],
  ['stages', megabyte('', (i) => `FROM a AS s${i}\n`)],
  ['the same base by a variable', megabyte('ARG A=b\n', () => 'FROM $A\n')],
  ['here-documents', megabyte('FROM a\n', () => 'RUN <<E\nx\nE\n')],
  ['sources that are not there', megabyte('FROM a\nCOPY ', (i) => `f${i} \\\n`)],
  ['patterns', megabyte('FROM a\n', (i) => `COPY ${'a*'.repeat(20)}${i} x\n`)],
  ['a long pattern', megabyte('FROM a\nCOPY ', () => '*a')],
  ['images of mounts', megabyte('FROM a\nRUN --mount=', (i) => `from=a${i},`)],
  ['ARGs that need each other', megabyte('ARG A0=a\n', (i) => `ARG A${i + 1}=$A${i}\n`)],
  ['secrets', megabyte('FROM a\nENV ', (i) => `A${i}_TOKEN=b \\\n`)],
  ['commands', megabyte('FROM a\n', () => 'RUN apt-get install -y something\n')],
  ['empty lines', megabyte('', () => '\n')],
])('a megabyte of nastiness does not hold up the others: %s', { timeout: 20_000 }, (_, text) => {
  expect(checkDockerfile(text, options).length).toBeLessThan(5000);
  expect(guardedBases(text, {}, '127.0.0.1:5000').length).toBeLessThanOrEqual(1000);
});

it('a Dockerfile of more instructions than any real one has is refused', () => {
  expect(checkDockerfile(`FROM a\n${'RUN x\n'.repeat(5000)}`)).toMatchObject([
    { severity: 'ERROR', code: 'TOO_MANY_INSTRUCTIONS', line: 5000 },
  ]);
  expect(checkDockerfile(`FROM a\n${'RUN x\n'.repeat(4999)}`)).toEqual([]);
});

it('a Dockerfile of more images than any real one takes is refused', () => {
  const found = checkDockerfile(Array.from({ length: 1001 }, (_, i) => `FROM a${i}`).join('\n'));
  expect(found).toMatchObject([{ code: 'TOO_MANY_BASES', line: 1001, column: 6 }]);
});
