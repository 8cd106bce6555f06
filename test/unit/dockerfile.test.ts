import { describe, expect, it } from 'vitest';
import { findStage, neededStages, needsBuildKit, parseDockerfile } from '../../src/shared/dockerfile.ts';

const instructions = (text: string) =>
  parseDockerfile(text).instructions.map(({ number, stage, keyword, text: one, line }) => [
    number,
    stage,
    keyword,
    one,
    line,
  ]);

describe('instructions', () => {
  it('are numbered through all stages, on one line each, with the line they begin on', () => {
    const text = [
      '# a comment',
      'ARG V=1',
      `FROM ubuntu:\${V} AS build`,
      'ENV A=b \\',
      '  # between',
      '',
      '  C=d',
      'run echo one && \\',
      '    echo two',
      '',
      'FROM scratch',
      'COPY --from=build /a /b',
    ].join('\n');
    expect(instructions(text)).toEqual([
      [1, null, 'ARG', 'ARG V=1', 2],
      [2, 'build', 'FROM', `FROM ubuntu:\${V} AS build`, 3],
      [3, 'build', 'ENV', 'ENV A=b C=d', 4],
      [4, 'build', 'RUN', 'run echo one && echo two', 8],
      [5, '1', 'FROM', 'FROM scratch', 11],
      [6, '1', 'COPY', 'COPY --from=build /a /b', 12],
    ]);
  });

  it('leave out the bodies of here-documents', () => {
    const text = 'FROM a\nRUN <<EOF cat\nFROM x\nEOF\nCOPY <<-"A" <<B /x/\n1\n\tA\n2\nB\nLABEL a=b\n';
    expect(instructions(text).map(([, , , one]) => one)).toEqual([
      'FROM a',
      'RUN <<EOF cat',
      'COPY <<-"A" <<B /x/',
      'LABEL a=b',
    ]);
    expect(parseDockerfile(text).instructions[2]?.heredocs).toEqual(['A', 'B']);
  });

  it.each([
    ['quotes', 'RUN echo "a <<X b"'],
    ['shifts', 'RUN echo $((1<<X))'],
    ['here-strings', 'RUN cat <<<X'],
    ['other instructions', 'ENV a=<<X'],
    ['an escape', 'RUN cat \\<<X'],
  ])('take no here-document from %s', (_, line) => {
    expect(instructions(`FROM a\n${line}\nLABEL a=b\n`)).toHaveLength(3);
  });

  it('join lines by the character of the escape directive', () => {
    expect(instructions('# escape=`\nFROM a\nRUN echo `\n b\\\nLABEL a=b').map(([, , , one]) => one)).toEqual(
      ['FROM a', 'RUN echo b\\', 'LABEL a=b'],
    );
  });

  it('read Windows line ends and a byte order mark', () => {
    expect(instructions('\uFEFFFROM a\r\nRUN echo \\\r\n b\r\n').map(([, , , one]) => one)).toEqual([
      'FROM a',
      'RUN echo b',
    ]);
  });
});

describe('base images', () => {
  const references = (text: string, args = {}) =>
    parseDockerfile(text, args).baseImages.map(({ reference }) => reference);

  it('have their variables filled in, build arguments first', () => {
    const text = `ARG R=reg.example\nARG I=$R/a\nFROM $I:\${T:-1}\nFROM \${I}\${X+no}:2`;
    expect(references(text)).toEqual(['reg.example/a:1', 'reg.example/a:2']);
    expect(references(text, { R: 'other.example' })).toEqual(['other.example/a:1', 'other.example/a:2']);
  });

  it('do not see a build argument that no ARG declares, nor one of a stage', () => {
    expect(references(`FROM a:\${X:-1}\nARG Y=2\nFROM a:\${Y:-3}`, { X: '9' })).toEqual(['a:1', 'a:3']);
  });

  it('are those of COPY --from and RUN --mount too, but neither stages nor scratch', () => {
    const text = [
      'FROM one AS Build',
      'FROM build',
      'FROM scratch',
      'COPY --from=two:1 a b',
      'COPY --from=0 a b',
      'COPY --from="BUILD" a b',
      'RUN --mount=type=bind,from=three,target=/x ls',
    ].join('\n');
    expect(references(text)).toEqual(['one', 'two:1', 'three']);
  });

  it('say where they stand', () => {
    const [base] = parseDockerfile('FROM --platform=linux/amd64 \\\n  ubuntu:1 AS x').baseImages;
    expect(base?.range).toEqual({ line: 2, column: 3, endLine: 2, endColumn: 11 });
  });

  it('are unknown where a variable has a form that is not understood', () => {
    expect(references(`ARG A=b\nFROM \${A%b}`)).toEqual([null]);
  });
});

describe('stages', () => {
  const dockerfile = parseDockerfile(
    'FROM a AS one\nFROM b AS two\nFROM c\nCOPY --from=one a b\nFROM two AS last',
  );

  it('are found by name and by index', () => {
    expect(findStage(dockerfile, 'TWO')?.index).toBe(1);
    expect(findStage(dockerfile, '2')?.index).toBe(2);
    expect(findStage(dockerfile, null)?.index).toBe(3);
    expect(findStage(dockerfile, 'nope')).toBeNull();
    expect(findStage(dockerfile, '9')).toBeNull();
  });

  it('know what they are built from', () => {
    expect(neededStages(dockerfile, null)).toEqual(new Set([1, 3]));
    expect(neededStages(dockerfile, '2')).toEqual(new Set([0, 2]));
  });
});

describe('the need for BuildKit', () => {
  it.each([
    ['RUN <<E\nx\nE', true],
    ['RUN --mount=type=cache,target=/x ls', true],
    ['RUN --network=none ls', true],
    ['COPY --chmod=755 a b', true],
    ['COPY --link a b', true],
    ['ARG TARGETARCH', true],
    ['COPY --from=x --chown=1:1 a b', false],
    ['RUN ls --mount=x', false],
    ['HEALTHCHECK --interval=5s CMD true', false],
  ])('%s', (line, expected) => {
    expect(needsBuildKit(parseDockerfile(`FROM a AS x\n${line}`))).toBe(expected);
  });
});
