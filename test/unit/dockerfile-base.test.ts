import { describe, expect, it } from 'vitest';
import { checkDockerfile } from '../../src/build/dockerfile/dockerfile.rules.ts';
import { guardedBases } from '../../src/build/dockerfile/dockerfile-base.rules.ts';

const errors = (text: string, buildArgs: Record<string, string> = {}) =>
  checkDockerfile(text, { buildArgs })
    .filter(({ severity }) => severity === 'ERROR')
    .map(({ code }) => code);

describe('a base that engines could read differently', () => {
  it.each<[string, string, Record<string, string>?]>([
    ['an ARG twice, the second without a value', `ARG A=ours\nARG A\nFROM r.io/\${A:-theirs}`],
    ['an ARG twice', 'ARG A=ours\nARG A=theirs\nFROM r.io/$A'],
    ['a given argument without an ARG', `FROM r.io/\${HTTP_PROXY:-ours}`, { HTTP_PROXY: 'theirs' }],
    ['an ARG without a value, set or not', `ARG A\nFROM r.io/x\${A-theirs}`],
    ['the same inside another ARG', `ARG A\nARG B=\${A+x}\nFROM r.io/\${B:-theirs}`],
    ['a condition on what engines set', `FROM r.io/\${TARGETARCH:+ours/}\${TARGETARCH:-theirs}`],
    ['an own value for what engines set', 'ARG TARGETARCH=ours\nFROM r.io/$TARGETARCH'],
    ['a given value for what engines set', 'FROM r.io/x-$TARGETARCH', { TARGETARCH: 'theirs' }],
    ['a value with white space', `ARG A=" "\nARG B=\${A:+theirs}\nFROM r.io/\${B:-ours}`],
    ['an ARG in quotes', `ARG "A=theirs"\nFROM r.io/\${A:-ours}`],
    ['an escape in an ARG', `ARG A=\\ B=theirs\nFROM r.io/\${B:-ours}`],
    ['white space that is none to Go', `ARG A=x\ufeffB=ours\nFROM r.io/\${B:-theirs}`],
    ['white space that is none to JavaScript', `ARG A=x\u0085B=theirs\nFROM r.io/\${B:-ours}`],
    ['letters behind a name', `ARG A=x\nARG B=$Aé\nARG C=\${B:+ours}\nFROM r.io/\${C:-theirs}`],
    ['an ARG of itself', 'ARG A=x$A\nFROM r.io/$A'],
    ['quotes inside', 'FROM r.io/"a"b'],
    ['an escape', 'FROM r.io/\\a'],
    ['a variable in single quotes', `ARG A=x\nFROM 'r.io/$A'`],
  ])('is refused: %s', (_, text, given) => {
    expect(errors(text, given)).toContain('AMBIGUOUS');
  });

  it.each<[string, string, Record<string, string>?]>([
    ['plain text', 'FROM r.io:5000/a/b:1'],
    ['quotes around all of it', 'FROM "r.io/a:1"'],
    ['an ARG with a default', `ARG A=1\nFROM r.io/a:\${A}`],
    ['an ARG with a given value', 'ARG A\nFROM r.io/a:$A', { A: '2' }],
    ['an ARG of ARGs', `ARG R=r.io\nARG I="$R/a"\nARG T='1'\nFROM $I:$T`],
    ['a default where it is used', `ARG T\nFROM r.io/a:\${T:-1}`],
    ['nobody has set it', `FROM r.io/a\${X:+-x}:\${T:-1}`],
    ['several words in one ARG', 'ARG A=1 B="two words" C\nFROM r.io/a:$A'],
    ['the platform, as it is', 'FROM r.io/a-$TARGETARCH'],
    ['other ARGs of other shapes', 'ARG X="say \'x\'"\nFROM r.io/a:1'],
    ['a given proxy that no base uses', 'FROM r.io/a', { HTTP_PROXY: 'http://p:1' }],
  ])('is not: %s', (_, text, given) => {
    expect(errors(text, given)).toEqual([]);
  });

  it('knows no arguments but the given ones', () => {
    for (const name of ['constructor', 'toString', '__proto__']) {
      expect(errors(`ARG ${name}\nFROM r.io/a\${${name}:+:::}`)).toEqual([]);
    }
  });
});

describe('a flag that engines could read differently', () => {
  it.each([
    'RUN --mount="type=bind,target=/x y,from=r.io/a" ls',
    'RUN --mount=type=bind,target=/x\\ y,from=r.io/a ls',
    'COPY --chown="a b" --from=r.io/a x y',
    'COPY --chown=à--from=r.io/a x y',
  ])('is refused: %s', (line) => {
    expect(errors(`FROM a\n${line}`)).toContain('AMBIGUOUS');
  });

  it.each(['COPY --chown="1:1" --from=r.io/a x y', `RUN --mount=type=secret,id='x' ls`, 'RUN ls --x="a b"'])(
    'is not: %s',
    (line) => expect(errors(`FROM a\n${line}`)).toEqual([]),
  );
});

describe('a RUN', () => {
  it.each([
    'RUN --network=host ls',
    'RUN --security=insecure ls',
    'RUN --network=$N ls',
    'RUN --device=a ls',
  ])('does not leave its confines: %s', (line) => expect(errors(`FROM a\n${line}`)).toEqual(['NOT_ALLOWED']));
  it.each(['RUN --network=none ls', 'RUN --network=default ls', 'RUN --security=sandbox ls'])(
    'may say that it stays: %s',
    (line) => expect(errors(`FROM a\n${line}`)).toEqual([]),
  );
});

describe('bases that take a right', () => {
  const guarded = (text: string, args: Record<string, string> = {}, host = '127.0.0.1:5000') =>
    guardedBases(text, args, host).map(({ repository, range }) => [repository, range.line]);

  it('are those in the registry of the platform, wherever they stand', () => {
    const text = [
      'FROM 127.0.0.1:5000/a/b:1 AS x',
      'FROM x',
      'COPY --from=localhost:5000/c/d / /',
      'RUN --mount=type=bind,from=0.0.0.0:5000/e/f:2,target=/x ls',
      'ONBUILD COPY --from=[::1]:5000/g/h / /',
      'FROM docker.io/i/j',
      'FROM 127.0.0.1:5001/k/l',
    ].join('\n');
    expect(guarded(text)).toEqual([
      ['a/b', 1],
      ['c/d', 3],
      ['e/f', 4],
      ['g/h', 5],
    ]);
  });

  it('are found for each platform that the engine may build for', () => {
    expect(guarded('FROM 127.0.0.1:5000/$TARGETARCH/a')).toEqual([
      ['amd64/a', 1],
      ['arm64/a', 1],
    ]);
    expect(guarded(`FROM \${TARGETARCH}127.0.0.1:5000/a/b`)).toEqual([['a/b', 1]]);
  });

  it('are those that may be the start of an id', () => {
    expect(guarded('FROM 3f9a\nFROM sha256:ab\nFROM abcdefg\nFROM abc:1\nFROM library/abc')).toEqual([
      [null, 1],
      [null, 2],
    ]);
  });
});
