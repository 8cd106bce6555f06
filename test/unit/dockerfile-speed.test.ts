import { expect, it } from 'vitest';
import { checkDockerfile, MAX_DOCKERFILE_BYTES } from '../../src/build/dockerfile/dockerfile.rules.ts';
import { guardedBases } from '../../src/build/dockerfile/dockerfile-base.rules.ts';
import { dockerfileSourceOf } from '../../src/build/dockerfile/dockerfile-source.rules.ts';
import { packContext } from '../../src/engine/docker/build-context.ts';
import { textFile } from '../support/engine.ts';
import { problemsOf } from '../support/problems.ts';

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
  ['lists', megabyte('FROM a\n', () => 'RUN ["a",\n')],
  ['a list that does not end', `FROM a\nRUN [${'"a",'.repeat(250_000)} <<E`],
  ['variables before a here-document', `FROM a\nRUN <<E ${'${A:-'.repeat(200_000)}`],
  ['empty lines', megabyte('', () => '\n')],
])('a megabyte of nastiness does not hold up the others: %s', { timeout: 20_000 }, (_, text) => {
  expect(checkDockerfile(text, options).length).toBeLessThan(5000);
  expect(guardedBases(text, {}, '127.0.0.1:5000').length).toBeLessThanOrEqual(1000);
});

/** A hundred files of so many folders each, none of them shared. */
const deepFiles = (folders: number) =>
  Array.from({ length: 100 }, (_, i) => `${i}/${'a/'.repeat(folders - 1)}f`);

it('files in folders without end are refused, and do not hold up the others', { timeout: 5000 }, async () => {
  const text = megabyte('FROM a\nCOPY ', (i) => `f${i} \\\n`);
  const paths = deepFiles(2040);
  expect(checkDockerfile(text, { files: paths }).length).toBeGreaterThan(0);
  const problems = problemsOf((found) =>
    dockerfileSourceOf(
      { dockerfile: 'FROM a', files: paths.map((path) => ({ path, content: '' })) },
      options.registries,
      found,
    ),
  );
  expect(problems).toHaveLength(100);
  expect(problems[0]).toMatchObject({ code: 'INVALID', path: ['buildConfig', 'files', '0', 'path'] });
  await packContext(
    'FROM a',
    deepFiles(63).map((path) => textFile(path, '')),
  );
});

it.each<[string, string, string]>([
  ['parts', `${'a/'.repeat(64)}f`, 'a path may have at most 64 parts between slashes; this has 65'],
  ['bytes', `${'é'.repeat(512)}f`, 'a path may have at most 1024 bytes; this has 1025'],
])('a path of too many %s is refused, and says so', (_, path, message) => {
  const found = (paths: string[]) =>
    problemsOf((problems) =>
      dockerfileSourceOf(
        { dockerfile: 'FROM a', files: paths.map((one) => ({ path: one, content: '' })) },
        options.registries,
        problems,
      ),
    );
  expect(found(['a', path])).toMatchObject([
    { code: 'INVALID', path: ['buildConfig', 'files', '1', 'path'], message },
  ]);
  expect(found([path.slice(2)])).toEqual([]);
});

it('files in more folders than any real build has are refused', () => {
  const paths = Array.from({ length: 1000 }, (_, i) => `${i}/${'a/'.repeat(10)}f`);
  const problems = problemsOf((found) =>
    dockerfileSourceOf(
      { dockerfile: 'FROM a', files: paths.map((path) => ({ path, content: '' })) },
      options.registries,
      found,
    ),
  );
  expect(problems).toMatchObject([
    { code: 'TOO_MANY', path: ['buildConfig', 'files'], details: { current: 11_000 } },
  ]);
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
