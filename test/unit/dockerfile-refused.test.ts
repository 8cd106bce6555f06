import { describe, expect, it } from 'vitest';
import { checkDockerfile, type DockerfileCheckOptions } from '../../src/build/dockerfile/dockerfile.rules.ts';

type Row = readonly [
  what: string,
  text: string,
  expected: readonly (readonly [code: string, line: number, column: number])[],
  options?: DockerfileCheckOptions,
];

const files = ['app.py', 'src/a.ts', 'src/deep/b.ts', '.dockerignore', '.env'];
const WITH_FILES = { files };

const BASES: Row[] = [
  ['two tags', 'FROM ubuntu:18:04', [['BASE_INVALID', 1, 6]]],
  ['an uppercase name', '\nFROM Ubuntu', [['BASE_INVALID', 2, 6]]],
  ['half a digest', 'FROM a@sha256:12', [['BASE_INVALID', 1, 6]]],
  ['an empty tag', 'ARG T\nFROM  a:$T', [['BASE_INVALID', 2, 7]]],
  ['an ARG without a value', 'ARG V\nFROM $V', [['BASE_EMPTY', 2, 6]]],
  ['an ARG of a stage', `FROM a\nARG V=b\nFROM \${V}`, [['BASE_EMPTY', 3, 6]]],
  ['a given value that is empty', 'ARG V=a\nFROM $V', [['BASE_EMPTY', 2, 6]], { buildArgs: { V: '' } }],
  ['a form that cannot be filled in', `FROM \${V%x}`, [['BASE_UNRESOLVED', 1, 6]]],
  ['a value that is not known', `ARG V=\${W%x}\nFROM $V`, [['BASE_UNRESOLVED', 2, 6]]],
  [
    'two bases',
    'FROM a:b:c AS x\nFROM d:e:f',
    [
      ['BASE_INVALID', 1, 6],
      ['BASE_INVALID', 2, 6],
    ],
  ],
  ['no FROM', 'ARG A=1\n# FROM a', [['NO_FROM', 1, 1]]],
  ['something before FROM', '# x\n  RUN x\nFROM a', [['BEFORE_FROM', 2, 3]]],
];

const STAGES: Row[] = [
  ['a later one by number', 'FROM a\nCOPY --from=1 x y\nFROM b', [['UNKNOWN_STAGE', 2, 13]]],
  ['one that is not there', 'FROM a\nCOPY  --from=7 x y', [['UNKNOWN_STAGE', 2, 14]]],
  ['a later one by name', 'FROM a\nCOPY --from=two x y\nFROM b AS Two', [['UNKNOWN_STAGE', 2, 13]]],
  ['itself by name', 'FROM a AS one\nCOPY --from=one x y', [['UNKNOWN_STAGE', 2, 13]]],
  ['itself by number', 'FROM a AS one\nCOPY --from=0 x y', [['UNKNOWN_STAGE', 2, 13]]],
  ['itself by a mount', 'FROM a AS one\nRUN --mount=from=one,target=/x ls', [['UNKNOWN_STAGE', 2, 18]]],
  ['a variable', 'FROM a\nCOPY --from=$X x y', [['BASE_UNRESOLVED', 2, 13]]],
  ['a target that is none', 'FROM a AS one', [['UNKNOWN_STAGE', 1, 1]], { target: 'two' }],
];

const CONTEXT: Row[] = [
  ['a file', 'FROM a\nCOPY nope /x', [['CONTEXT_MISSING', 2, 6]], WITH_FILES],
  [
    'a pattern',
    'FROM a\nCOPY src/*.py *.txt /x/',
    [
      ['CONTEXT_MISSING', 2, 6],
      ['CONTEXT_MISSING', 2, 15],
    ],
    WITH_FILES,
  ],
  [
    'several on lines of their own',
    'FROM a\nCOPY one \\\n  # why\n  two \\\n /x/',
    [
      ['CONTEXT_MISSING', 2, 6],
      ['CONTEXT_MISSING', 4, 3],
    ],
    WITH_FILES,
  ],
  ['beside a here-document', 'FROM a\nCOPY <<E nope /x/\nnope2\nE', [['CONTEXT_MISSING', 2, 10]], WITH_FILES],
  [
    'a bound file',
    'FROM a\nRUN --mount=type=bind,source=nope,target=/x ls',
    [['CONTEXT_MISSING', 2, 30]],
    WITH_FILES,
  ],
  [
    'twice the same name',
    'FROM a\nCOPY nope nope /x/',
    [
      ['CONTEXT_MISSING', 2, 6],
      ['CONTEXT_MISSING', 2, 11],
    ],
    WITH_FILES,
  ],
];

const INSTRUCTIONS: Row[] = [
  ['unknown', 'FROM a\n  RUNN x', [['UNKNOWN_INSTRUCTION', 2, 3]]],
  ['unknown, in two lines', 'FROM a\nRU\\\nNN x', [['UNKNOWN_INSTRUCTION', 2, 1]]],
  ['RUN of nothing', 'FROM a\nRUN', [['ARGUMENT_MISSING', 2, 1]]],
  ['COPY of one', 'FROM a\nCOPY a', [['ARGUMENT_REQUIRES_AT_LEAST_TWO', 2, 6]]],
  ['several files to a file', 'FROM a\nCOPY a b c', [['INVALID_DESTINATION', 2, 10]]],
  ['FROM of too much', 'FROM a b', [['ARGUMENT_REQUIRES_ONE_OR_THREE', 1, 8]]],
  ['a port that is none', 'FROM a\nEXPOSE x', [['INVALID_PORT', 2, 8]]],
  ['a signal that is none', 'FROM a\nSTOPSIGNAL', [['ARGUMENT_MISSING', 2, 1]]],
  ['ONBUILD of ONBUILD', 'FROM a\nONBUILD ONBUILD RUN x', [['ONBUILD_CHAINING_DISALLOWED', 2, 1]]],
  ['a stage name with a slash', 'FROM a AS b/c', [['INVALID_BUILD_STAGE_NAME', 1, 11]]],
];

const REMOTE: Row[] = [
  ['a URL', 'FROM a\nADD http://169.254.169.254/x /y', [['NOT_ALLOWED', 2, 5]]],
  ['git', 'FROM a\nADD git://x/y /y', [['NOT_ALLOWED', 2, 5]]],
  ['git over ssh', 'FROM a\nADD git@x:y/z.git /y', [['NOT_ALLOWED', 2, 5]]],
  ['a URL by ARG', 'FROM a\nARG U=http://x/y\nADD  $U /y', [['NOT_ALLOWED', 3, 6]]],
  [
    'a URL on the next line, in lowercase',
    'FROM a\nadd \\\n\n  # x\n HTTP://x/y /y',
    [['NOT_ALLOWED', 5, 2]],
  ],
  ['a URL in a trigger', 'FROM a\nONBUILD add http://x/y /y', [['NOT_ALLOWED', 2, 13]]],
  [
    'a URL after a here-document',
    'FROM a\nRUN <<E\nADD http://no/x /y\nE\nADD http://x/y /y',
    [['NOT_ALLOWED', 5, 5]],
  ],
  ['another frontend', '# syntax=evil/x\nFROM a', [['NOT_ALLOWED', 1, 1]]],
  ['another frontend, further down', '# a\n#  Syntax = evil/x\nFROM a', [['NOT_ALLOWED', 2, 1]]],
  ['the network of the host', 'FROM a\nRUN --network=host ls', [['NOT_ALLOWED', 2, 5]]],
  ['the network of the host in a trigger', 'FROM a\nONBUILD RUN --network=host ls', [['NOT_ALLOWED', 2, 13]]],
  ['more rights in a trigger', 'FROM a\nonbuild run --security=insecure ls', [['NOT_ALLOWED', 2, 13]]],
];

const URL_LIST = '["http\\u003a//127.0.0.1\\u003a8080/x","/d/"]';

/** Each was read in one way here and in another by an engine, which then fetched the URL. */
const AMBIGUOUS: Row[] = [
  [
    'a comment that is none to Go',
    'FROM a\nCMD echo a \\\n\ufeff# b\nADD http://127.0.0.1/x /x',
    [['AMBIGUOUS', 3, 1]],
  ],
  [
    'a line that is empty to Go',
    'FROM a\nADD a \\\n\u0085\nRUN http://127.0.0.1/x /dst/',
    [['AMBIGUOUS', 3, 1]],
    { files: ['a', 'RUN'] },
  ],
  ['a list with something behind it', `FROM a\nADD ${URL_LIST} x`, [['AMBIGUOUS', 2, 1]], { files: ['a'] }],
  ['a list of COPY with something behind it', 'FROM a\nCOPY ["a","/d/"] x', [['AMBIGUOUS', 2, 1]]],
  ['such a list behind a flag', `FROM a\nADD --chown=1:1 \u00a0${URL_LIST} x`, [['AMBIGUOUS', 2, 1]]],
  ['such a list in a trigger', `FROM a\nONBUILD ADD ${URL_LIST} x`, [['AMBIGUOUS', 2, 1]]],
  [
    'a tab in a list in a trigger',
    'FROM a\nONBUILD ADD ["./\thttp://127.0.0.1/x", "/y"]',
    [
      ['AMBIGUOUS', 2, 1],
      ['NOT_ALLOWED', 2, 18],
    ],
  ],
  [
    'a here-document behind a list, which has none',
    'FROM a\nRUN ["true"] <<E\nADD http://127.0.0.1/x /y\nRUN x \\\nE',
    [['AMBIGUOUS', 2, 1]],
  ],
  [
    'a here-document behind a U+FEFF',
    'FROM a\nRUN x\ufeff<<"#"\nADD http://no/x /y\n#',
    [
      ['AMBIGUOUS', 2, 1],
      ['AMBIGUOUS', 2, 6],
    ],
  ],
  [
    'a here-document behind a U+0085',
    'FROM a\nRUN x\u0085<<EOF\nRUN y\nEOF',
    [
      ['AMBIGUOUS', 2, 6],
      ['UNKNOWN_INSTRUCTION', 4, 1],
    ],
  ],
  // Behind each, an engine's here-document ends where ours goes on.
  [
    'an escape in the name of a here-document',
    'FROM a\nRUN <<"#\\b"\n#\\b\nADD http://x/y /y\n#b',
    [
      ['AMBIGUOUS', 2, 1],
      ['NOT_ALLOWED', 4, 5],
    ],
  ],
  [
    'a line separator in it',
    'FROM a\nRUN <<#\\\u2028\n#\u2028\nADD http://x/y /y\n#\\\u2028',
    [['AMBIGUOUS', 2, 1]],
  ],
  [
    'a variable in it',
    `FROM a\nRUN <<E\${X:-F}\nEF\nADD http://x/y /y\nRUN x \\\nE\${X:-F}`,
    [['AMBIGUOUS', 2, 1]],
  ],
  [
    'a here-document in a variable',
    `FROM a\nRUN x \${X:-<<E}\nRUN <<F\nE\nADD http://x/y /y\nF`,
    [['AMBIGUOUS', 2, 1]],
  ],
  [
    'one that a variable leaves out',
    `FROM a\nRUN x \${X:+ <<E }\nADD http://x/y /y\nE`,
    [['AMBIGUOUS', 2, 1]],
  ],
  [
    'one behind a variable that does not end',
    `FROM a\nRUN x \${X <<E\nADD http://x/y /y\nE`,
    [['AMBIGUOUS', 2, 1]],
  ],
  [
    'one behind quotes in a variable',
    `FROM a\nRUN x "\${X:-" <<E }"\nADD http://x/y /y\nE`,
    [['AMBIGUOUS', 2, 1]],
  ],
  [
    'white space before its name',
    'FROM a\nRUN cat << E\nRUN <<F\nE\nADD http://x/y /y\nRUN x \\\nF',
    [['AMBIGUOUS', 2, 1]],
  ],
  [
    'white space that joins two words',
    'FROM a\nRUN x<< <<E\nADD http://x/y /y\nRUN x \\\nE',
    [['AMBIGUOUS', 2, 1]],
  ],
  ['a second byte order mark', '\ufeff\ufeffFROM a', [['AMBIGUOUS', 1, 1]]],
  [
    'quotes in a flag of a trigger',
    'FROM a\nONBUILD RUN --mount=type=cache,target="/x ls',
    [['AMBIGUOUS', 2, 1]],
  ],
];

describe.each<[string, Row[]]>([
  ['a base', BASES],
  ['a stage', STAGES],
  ['a source', CONTEXT],
  ['an instruction', INSTRUCTIONS],
  ['what the engine fetches', REMOTE],
  ['what engines read differently', AMBIGUOUS],
])('%s is refused with its place', (_, rows) => {
  it.each(rows.map(([what, ...row]) => [what, row] as const))(
    '%s',
    (_what, [text, expected, options = {}]) => {
      const errors = checkDockerfile(text, options).filter(({ severity }) => severity === 'ERROR');
      expect(errors.map(({ code, line, column }) => [code, line, column])).toEqual(expected);
    },
  );
});

it('takes files that are there, .dockerignore and hidden ones too', () => {
  const text = [
    'FROM a AS one',
    'COPY . .',
    'COPY .dockerignore .env /x/',
    'COPY s?c/*.ts src/**/b.ts ./a*.p[xy] /x/',
    'COPY <<E /x',
    'nope',
    'E',
    'RUN --mount=type=bind,source=src,target=/x --mount=type=cache,target=/y ls',
    'FROM b',
    'COPY --from=one nope /x',
    'RUN --mount=from=one,source=/nope,target=/x ls',
  ].join('\n');
  expect(checkDockerfile(text, { files }).filter(({ severity }) => severity === 'ERROR')).toEqual([]);
});

it('takes brackets that only the shell reads, and the byte order mark of the text', () => {
  const text = [
    '\ufeffFROM a',
    'RUN [ -f /x ] && echo y',
    'RUN [ "$A" = "b" ] && cat <<E',
    'x',
    'E',
    'RUN ["sh", "-c", "x"]',
    `RUN echo \${A:-b} "\${A}" $B $(c) $((1<<3)) "\${D+e}" <<'E-1.x' <<-F_2 && y <<< z "a << b"`,
    `\${A%x}`,
    'E-1.x',
    '\tF_2',
    `RUN echo \${A%x} \${A:-"b c"}`,
    'CMD [ "$A" ] && echo y',
    'COPY ["app.py", "/x/"]',
    'COPY ./[a-z]*.py /x/',
    'ONBUILD COPY ["a b", "/x/"]',
  ].join('\n');
  expect(checkDockerfile(text, { files }).filter(({ severity }) => severity === 'ERROR')).toEqual([]);
});

it('warns of a stage name that no stage has, which engines take for an image', () => {
  expect(checkDockerfile('FROM a AS builder\nFROM b\nCOPY --from=biulder x y')).toMatchObject([
    { severity: 'WARNING', code: 'UNKNOWN_STAGE', line: 3, column: 13 },
  ]);
});

it('warns of two stages with one name', () => {
  const found = checkDockerfile('FROM a AS one\nFROM b AS One');
  expect(found.map(({ severity, code }) => [severity, code])).toEqual([
    ['WARNING', 'DUPLICATE_BUILD_STAGE_NAME'],
    ['WARNING', 'DUPLICATE_BUILD_STAGE_NAME'],
  ]);
});

it('tells of everything at once, in the order of the lines', () => {
  const text = [
    '# syntax=evil/x',
    'FROM ubuntu:18:04 AS one',
    'ENV API_TOKEN=x',
    'ADD http://x/y /y',
    'COPY nope /x',
    'FROM 127.0.0.1:5001/x',
    'COPY --from=5 a b',
    'RUNN x',
  ].join('\n');
  const found = checkDockerfile(text, {
    files,
    registries: { own: '127.0.0.1:5000', publicHosts: true, hosts: [] },
  });
  expect(found.map(({ code, line }) => [code, line])).toEqual([
    ['NOT_ALLOWED', 1],
    ['BASE_INVALID', 2],
    ['SECRET_IN_ARG_OR_ENV', 3],
    ['NOT_ALLOWED', 4],
    ['CONTEXT_MISSING', 5],
    ['REGISTRY_NOT_ALLOWED', 6],
    ['UNKNOWN_STAGE', 7],
    ['UNKNOWN_INSTRUCTION', 8],
  ]);
});
