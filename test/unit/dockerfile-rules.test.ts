import { describe, expect, it } from 'vitest';
import { checkDockerfile, type DockerfileCheckOptions } from '../../src/build/dockerfile/dockerfile.rules.ts';

const codes = (text: string, options?: DockerfileCheckOptions) =>
  checkDockerfile(text, options)
    .filter(({ severity }) => severity === 'ERROR')
    .map(({ code }) => code);
const problem = (text: string, options?: DockerfileCheckOptions) =>
  checkDockerfile(text, options).find(({ severity }) => severity === 'ERROR');
const SHA = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('a Dockerfile that real builds take', () => {
  it.each([
    ['one stage', 'FROM ubuntu:22.04\nRUN apt-get update && apt-get install -y curl\nCMD ["bash"]'],
    ['stages', 'FROM a AS b\nRUN x\nFROM b as c\nCOPY --from=b /x /y\nFROM scratch\nCOPY --from=0 / /'],
    ['ARG before FROM', `ARG V=1\nARG W\nFROM a:\${V}\nARG V\nRUN echo $V`],
    ['a digest', `FROM reg.example:5000/a/b@${SHA}\nRUN x`],
    ['tag and digest', `FROM a:b@${SHA} AS x\nRUN x`],
    ['comments between lines', 'FROM a\nRUN x \\\n  # why\n  && y \\\n\n  && z'],
    ['SHELL', 'FROM a\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nRUN x | y'],
    [
      'here-documents',
      'FROM a\nRUN <<EOF\npip install x\nfrom os import path\nEOF\nCOPY <<"A" <<B /x/\n1\nA\n2\nB',
    ],
    ['Python in a here-document', 'FROM a\nRUN python3 <<EOF\nimport os\nprint("x")\nEOF\nLABEL a=b'],
    ['mounts', 'FROM a\nRUN --mount=type=cache,target=/x --mount=type=bind,source=.,target=/y pip install x'],
    [
      'newer flags',
      'FROM a\nCOPY --link --chmod=755 --parents --exclude=*.md a b\nHEALTHCHECK --start-interval=1s CMD x',
    ],
    ['a lowercase instruction', 'from a\nrun x\nmaintainer me'],
    ['Windows line ends', 'FROM a\r\nRUN x \\\r\n  y\r\n'],
    ['the escape directive', '# escape=`\nFROM a\nRUN x `\n y'],
    ['other directives', '# check=skip=all\nFROM a\nRUN x'],
    ['a platform', 'FROM --platform=$BUILDPLATFORM a AS b\nARG TARGETARCH\nRUN x'],
    ['ENV of many shapes', 'FROM a\nENV A b c\nENV A="b c" D=e\\ f\nENV PATH=$PATH:/x'],
    ['ONBUILD', 'FROM a\nONBUILD RUN x\nONBUILD COPY . /y'],
    ['a HEALTHCHECK of none', 'FROM a\nHEALTHCHECK NONE'],
    [
      'everything else',
      'FROM a\nWORKDIR x\nUSER 1:1\nVOLUME ["/a"]\nEXPOSE 80/tcp 90-95\nSTOPSIGNAL SIGTERM\nENTRYPOINT x',
    ],
    ['a quoted variable', `FROM a\nRUN echo "\${A:-b}" $$ $(date) \`x\` '$'`],
  ])('passes: %s', (_, text) => {
    expect(checkDockerfile(text).filter(({ severity }) => severity === 'ERROR')).toEqual([]);
  });

  it('is warned, not refused, where it is old-fashioned', () => {
    const found = checkDockerfile('from a\nmaintainer me\nCMD x\nCMD y\nRUN x \\\n\n y');
    expect(new Set(found.map(({ severity }) => severity))).toEqual(new Set(['WARNING', 'INFO']));
    expect(found.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['CASING_INSTRUCTION', 'DEPRECATED_MAINTAINER', 'MULTIPLE_INSTRUCTIONS']),
    );
  });
});

describe('a Dockerfile that does not parse', () => {
  it('names every problem at once, in order, with its place', () => {
    const found = checkDockerfile('FROM ubuntu:18:04\nFOO bar\nRUN\nCOPY a\nEXPOSE x');
    expect(found.map(({ code, line, column }) => [code, line, column])).toEqual([
      ['BASE_INVALID', 1, 6],
      ['UNKNOWN_INSTRUCTION', 2, 1],
      ['ARGUMENT_MISSING', 3, 1],
      ['ARGUMENT_REQUIRES_AT_LEAST_TWO', 4, 6],
      ['INVALID_PORT', 5, 8],
    ]);
    expect(found[0]).toMatchObject({
      endLine: 1,
      endColumn: 18,
      message: expect.stringContaining('"18:04" is not a tag'),
    });
  });

  it.each([
    ['nothing', '', 'NO_FROM'],
    ['only a comment', '# x', 'NO_FROM'],
    ['something before FROM', 'RUN x\nFROM a', 'BEFORE_FROM'],
    ['an ARG without a value', 'ARG V\nFROM $V', 'BASE_EMPTY'],
    ['a variable that cannot be filled in', `ARG V=a\nFROM \${V%x}`, 'BASE_UNRESOLVED'],
    ['an uppercase base', 'FROM Ubuntu', 'BASE_INVALID'],
    ['COPY from what is no image', 'FROM a\nCOPY --from=A:b:c x y', 'BASE_INVALID'],
    ['COPY from a variable', 'FROM a\nCOPY --from=$X x y', 'BASE_UNRESOLVED'],
    ['COPY from a later stage', 'FROM a\nCOPY --from=1 x y\nFROM b', 'UNKNOWN_STAGE'],
    ['a here-document without an end', 'FROM a\nRUN <<EOF\nx', 'AMBIGUOUS'],
  ])('refuses %s', (_, text, code) => {
    expect(codes(text)).toContain(code);
  });

  it('takes the value of an ARG from the build arguments', () => {
    expect(codes('ARG V\nFROM $V', { buildArgs: { V: 'a' } })).toEqual([]);
    expect(problem('ARG V\nFROM $V', { buildArgs: { V: 'a:b:c' } })).toMatchObject({
      code: 'BASE_INVALID',
      line: 2,
      column: 6,
    });
  });

  it('refuses a target that is no stage, and names those there are', () => {
    expect(codes('FROM a AS b', { target: 'b' })).toEqual([]);
    expect(codes('FROM a AS b', { target: '0' })).toEqual([]);
    expect(problem('FROM a AS b\nFROM c', { target: 'x' })).toMatchObject({
      code: 'UNKNOWN_STAGE',
      message: expect.stringContaining('b, 1'),
    });
  });
});

describe('files that COPY takes', () => {
  const files = ['app.py', 'src/a.ts', 'src/deep/b.ts', 'data[1].csv'];
  it.each([
    'COPY app.py /x',
    'COPY ./app.py /x',
    'COPY /app.py /x',
    'COPY ../app.py /x',
    'COPY src /x',
    'COPY src/ /x/',
    'COPY . /x',
    'COPY src/*.ts /x/',
    'COPY *.p[xyz] /x/',
    'COPY ?pp.py src/[a-c].* /x/',
    'COPY ["app.py", "/x"]',
    'COPY "app.py" /x',
    'COPY $NAME /x',
    'COPY --from=other nowhere /x',
    'COPY <<EOF /x\nhello\nEOF',
    'ADD app.py /x',
  ])('are there: %s', (line) => {
    expect(codes(`FROM a\n${line}`, { files }).filter((code) => code === 'CONTEXT_MISSING')).toEqual([]);
  });

  it.each([
    ['COPY nope.py /x', 6, 13],
    ['COPY app.py nope.py /x/', 13, 20],
    ['COPY ["nope.py", "/x"]', 8, 15],
    ['COPY src/*.py /x/', 6, 14],
    ['COPY app /x', 6, 9],
    ['COPY src/deep/c.ts /x', 6, 19],
    ['ADD --chown=1:1 nope /x', 17, 21],
  ])('are not: %s', (line, column, endColumn) => {
    expect(problem(`FROM a\n${line}`, { files })).toMatchObject({
      code: 'CONTEXT_MISSING',
      line: 2,
      column,
      endColumn,
    });
  });
});

describe('what would make the engine fetch for a stranger', () => {
  it.each([
    ['a URL', 'ADD http://169.254.169.254/x /y'],
    ['a URL in capitals', 'add HTTPS://x/y /y'],
    ['git', 'ADD git://x/y /y'],
    ['git over ssh', 'ADD git@github.com:a/b.git /y'],
    ['a host and a path', 'ADD host:a/b /y'],
    ['GitHub', 'ADD github.com/a/b /y'],
    ['a JSON list', 'ADD ["http://x/y", "/y"]'],
    ['the second source', 'ADD a.txt http://x/y /y/'],
    ['a flag before it', 'ADD --chown=1 http://x/y /y'],
    ['quotes', 'ADD "ht"tp://x/y /y'],
    ['escapes', 'ADD \\http://x/y /y'],
    ['a variable', 'ARG U=http://x/y\nADD $U /y'],
    ['a variable behind a start', `ARG U=tp://x/y\nADD ht\${U} /y`],
    ['a continuation', 'ADD \\\n  http://x/y /y'],
    ['a keyword in two lines', 'AD\\\nD http://x/y /y'],
    ['a trigger', 'ONBUILD ADD http://x/y /y'],
  ])('is refused in ADD: %s', (_, lines) => {
    expect(codes(`FROM a\n${lines}`)).toContain('NOT_ALLOWED');
  });

  it.each([
    'ADD a.tar.gz /x',
    `ADD ./app-\${V}.tar.gz /x`,
    `ADD a/\${V} /x`,
    'ADD --chown=1:1 a b/ /x/',
    'ADD <<EOF /x\nhttp://y\nEOF',
  ])('is not: %s', (line) => {
    expect(codes(`FROM a\n${line}`)).toEqual([]);
  });

  it.each([
    '# syntax=evil/x',
    '#SYNTAX = evil/x',
    '\n# syntax=evil/x',
    '# a\n  # syntax=evil/x',
    '// syntax=evil/x',
  ])('is refused: the directive %j', (line) => {
    expect(codes(`${line}\nFROM a`)).toContain('NOT_ALLOWED');
  });

  it('is refused: a frontend by build argument', () => {
    expect(codes('FROM a', { buildArgs: { BUILDKIT_SYNTAX: 'evil/x' } })).toEqual(['NOT_ALLOWED']);
  });

  it('has its place', () => {
    expect(problem('FROM a\nADD a.txt \\\n  http://x/y /y')).toMatchObject({
      line: 3,
      column: 3,
      endColumn: 13,
    });
  });

  it.each([
    ['two escapes at a line end', 'FROM a\nRUN echo \\\\\nADD http://x/y /y'],
    [
      'an escape directive that some engines skip',
      '# foo=bar\n# escape=`\nFROM a\nRUN x `\nADD http://x/y /y',
    ],
    ['an escape directive of two characters', '# escape=`x\nFROM a\nRUN x `\nADD http://x/y /y'],
    ['quotes that do not end', 'FROM a\nRUN echo " <<X\nADD http://x/y /y\nX'],
    ['a carriage return', 'FROM a\nRUN x\rADD http://x/y /y'],
    ['a vertical tab', 'FROM a\nADD\vhttp://x/y /y'],
  ])('cannot hide behind %s', (_, text) => {
    expect(codes(text).filter((code) => code === 'AMBIGUOUS' || code === 'NOT_ALLOWED')).not.toEqual([]);
  });
});

it('never throws, and always gives places that count from 1', { timeout: 30_000 }, () => {
  const pieces = [
    'FROM',
    ' a',
    '\n',
    'RUN',
    ' <<E',
    '\\',
    '"',
    "'",
    '$',
    '{',
    '}',
    '[',
    ']',
    'COPY',
    ' --from=',
    '`',
    '# escape=',
    'é',
    '\r',
    '*',
    'ADD',
    '\0',
  ];
  let state = 3;
  for (let i = 0; i < 3000; i += 1) {
    let text = '';
    for (let k = 0; k < 14; k += 1) {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      text += pieces[(state >> 8) % pieces.length];
    }
    for (const { line, column, endLine } of checkDockerfile(text, { files: ['a'] })) {
      expect(line).toBeGreaterThan(0);
      expect(column).toBeGreaterThan(0);
      expect(endLine).toBeGreaterThanOrEqual(line);
    }
  }
});
