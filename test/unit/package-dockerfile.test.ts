import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkDockerfile } from '../../src/build/dockerfile/dockerfile.rules.ts';
import {
  type PackageBuildInput,
  type PackagesInput,
  packageDockerfileOf,
} from '../../src/build/request/package-dockerfile.rules.ts';
import { needsBuildKit, parseDockerfile } from '../../src/shared/dockerfile.ts';
import { Problems } from '../../src/shared/problems.ts';

const BASE = 'python:3.12-slim';

function made(input: PackageBuildInput) {
  const problems = new Problems();
  const dockerfile = packageDockerfileOf(input, problems);
  return { dockerfile, problems: problems.all };
}
const codesOf = (input: PackageBuildInput) =>
  made(input).problems.map(({ code, path }) => [code, path.slice(1).join('.')]);

describe('the Dockerfile of a list of packages', () => {
  it('is one that a person can read, and the same for the same packages in any order', () => {
    const packages = {
      apt: ['git', 'curl=7.88.1-10'],
      pip: ['uvicorn[standard]~=0.30', 'torch>=2.0,<3'],
      conda: ['numpy=1.26', 'conda-forge::lightgbm>=4'],
    };
    const { dockerfile, problems } = made({ baseImage: BASE, packages });
    expect(problems).toEqual([]);
    expect(dockerfile).toMatchInlineSnapshot(`
      "# Made from a base image and lists of packages. The user stays the base image's own.
      FROM python:3.12-slim

      # Takes a base of the Debian family whose user is root.
      RUN apt-get update \\
       && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \\
            'curl=7.88.1-10' \\
            'git' \\
       && apt-get clean \\
       && rm -rf /var/lib/apt/lists/*

      # Takes a base that has conda on its PATH.
      RUN conda install --yes \\
            'conda-forge::lightgbm>=4' \\
            'numpy=1.26' \\
       && conda clean --all --force-pkgs-dirs --yes

      # Takes a base that has Python 3 and pip. The variable lets pip add to a distribution's own Python (PEP 668).
      RUN PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install --no-cache-dir --disable-pip-version-check \\
            'torch>=2.0,<3' \\
            'uvicorn[standard]~=0.30'
      "
    `);
    const reversed = Object.fromEntries(
      Object.entries(packages).map(([key, list]) => [key, list.toReversed()]),
    );
    expect(made({ baseImage: BASE, packages: reversed }).dockerfile).toBe(dockerfile);
  });

  it('has no instruction for an installer without packages', () => {
    const { dockerfile } = made({ baseImage: BASE, packages: { apt: [], pip: ['numpy'], conda: null } });
    expect(parseDockerfile(dockerfile ?? '').instructions.map(({ keyword }) => keyword)).toEqual([
      'FROM',
      'RUN',
    ]);
  });

  it('never changes the user, and needs no BuildKit', () => {
    const { dockerfile } = made({ baseImage: BASE, packages: { apt: ['curl'], pip: ['numpy'] } });
    const parsed = parseDockerfile(dockerfile ?? '');
    expect(parsed.instructions.map(({ keyword }) => keyword)).toEqual(['FROM', 'RUN', 'RUN']);
    expect(needsBuildKit(parsed)).toBe(false);
  });

  it('is one that the shell can be given even with as many and as long packages as there may be', () => {
    const list = Array.from({ length: 500 }, (_, index) => String(index).padStart(200, 'a'));
    const { dockerfile, problems } = made({
      baseImage: BASE,
      packages: { apt: list, pip: list, conda: list },
    });
    expect(problems).toEqual([]);
    expect(checkDockerfile(dockerfile ?? '')).toEqual([]);
    for (const command of commandsOf(dockerfile ?? '')) expect(command.length).toBeLessThan(128 * 1024);
  });
});

describe('a package', () => {
  it.each<[keyof PackagesInput, string[]]>([
    ['apt', ['curl', 'g++', 'libstdc++6', 'curl=7.88.1-10', 'curl=7.*', 'libfoo:amd64', '7zip']],
    ['apt', ['libfoo:amd64=1:2.3~rc1+dfsg-4', 'python3.11']],
    ['pip', ['numpy', 'numpy==1.19.5', 'torch>=2.0,<3', 'uvicorn[standard]~=0.30', 'torch==2.1.0+cu121']],
    ['pip', ['a [x, y] >= 1.0, != 1.5.*', 'zope.interface', 'x===1!2.0', 'ruamel_yaml', 'numpy<2']],
    [
      'conda',
      ['numpy', 'numpy=1.26', 'numpy=1.26.*', 'numpy==1.26.4', 'numpy=1.26=py312h_0', 'numpy ~=1.26'],
    ],
    ['conda', ['conda-forge::lightgbm>=4', 'nvidia/label/cuda-12.1.0::cuda', 'python>=3.9,<3.12', 'a=1|2']],
    ['conda', ['_libgcc_mutex', 'numpy!=1.26']],
  ])('of %s may be written as its users do: %j', (key, list) => {
    expect(made({ baseImage: BASE, packages: { [key]: list } }).problems).toEqual([]);
  });

  it.each<[keyof PackagesInput, string[]]>([
    ['apt', ['', ' curl', 'curl ', 'curl git', '-y', '--allow-unauthenticated', 'Curl', './x.deb', '/x.deb']],
    [
      'apt',
      ['curl-', 'curl=7-', 'libfoo:amd64-', 'lib*', 'build^', 'curl/stable', 'curl\n', 'çurl', 'a=', 'a:'],
    ],
    [
      'pip',
      ['', '-r', '--index-url=https://x', '.', './x', '/x', 'a b', 'a;b', 'a @ https://x/a.whl', 'a\u00a0'],
    ],
    [
      'pip',
      ['git+https://x/a', 'https://x/a.whl', 'numpy; python_version < "3.9"', 'numpy<<EOF', 'numpy==', '[x]'],
    ],
    [
      'pip',
      ['a[', 'a[]', 'a[x', 'a-', 'numpy=1.26', 'a==1\\', "a'", 'a#b', 'a==$(id)', 'a==`id`', 'ａ', 'a\0'],
    ],
    [
      'conda',
      ['', '-c', '--file=x', 'https://x::a', '/tmp::a', '::a', 'a::', 'a[version=1]', 'a "1"', 'a 1.26'],
    ],
    ['conda', ['../x::a', 'a;b', 'a&&b', 'a>(id)', 'a=1=b=c', 'a>>2', 'a\r', 'a\t', 'a>=1,']],
  ])('of %s may be nothing else: %j', (key, list) => {
    for (const [index, entry] of list.entries()) {
      const packages = { [key]: list.map((_, at) => (at === index ? entry : `sound${at}`)) };
      expect([entry, codesOf({ baseImage: BASE, packages })]).toEqual([
        entry,
        [['PATTERN', `packages.${key}.${index}`]],
      ]);
    }
  });

  it('that is refused is quoted in short, with what to write instead', () => {
    const { problems } = made({ baseImage: BASE, packages: { pip: [`a;${'b'.repeat(150)}`] } });
    expect(problems[0]?.message).toMatch(/^"a;b{98}…" is no package for pip: give .*numpy==1\.19\.5/);
    expect(problems[0]?.details).toEqual({ pattern: expect.stringContaining('^') });
  });
});

describe('everything that is wrong is told at once', () => {
  it.each<[string, PackageBuildInput, string[][]]>([
    [
      'nothing is there',
      {},
      [
        ['REQUIRED', 'baseImage'],
        ['REQUIRED', 'packages'],
      ],
    ],
    [
      'nothing but blanks',
      { baseImage: '', packages: { apt: [], pip: null } },
      [
        ['REQUIRED', 'baseImage'],
        ['REQUIRED', 'packages'],
      ],
    ],
    [
      'a bad base and bad packages',
      {
        baseImage: 'ubuntu:18:04',
        packages: { apt: ['a', '-y', 'a'], pip: ['x'.repeat(201)], conda: ['$'] },
      },
      [
        ['REFERENCE_INVALID', 'baseImage'],
        ['PATTERN', 'packages.apt.1'],
        ['DUPLICATE', 'packages.apt.2'],
        ['PATTERN', 'packages.conda.0'],
        ['TOO_LONG', 'packages.pip.0'],
      ],
    ],
    [
      'an instruction behind the base',
      { baseImage: 'ubuntu\nRUN id', packages: { apt: ['a'] } },
      [['REFERENCE_INVALID', 'baseImage']],
    ],
    ['an empty base', { baseImage: 'scratch', packages: { apt: ['a'] } }, [['NOT_ALLOWED', 'baseImage']]],
    [
      'too many packages',
      { baseImage: BASE, packages: { pip: Array.from({ length: 501 }, (_, index) => `a${index}`) } },
      [['TOO_MANY', 'packages.pip']],
    ],
  ])('where %s', (_, input, expected) => {
    expect(codesOf(input)).toEqual(expected);
    expect(made(input).dockerfile).toBeNull();
  });
});

/** What the engine gives to the shell; by simpler means than the parser of the product: no entry has a backslash. */
function commandsOf(dockerfile: string): string[] {
  const lines = dockerfile.replaceAll('\\\n', '').split('\n');
  return lines.filter((line) => line.startsWith('RUN ')).map((line) => line.slice(4));
}

describe('whatever the entries are', () => {
  let tools: string;
  beforeAll(() => {
    tools = mkdtempSync(join(tmpdir(), 'slipway-installers-'));
    for (const tool of ['apt-get', 'conda', 'python3', 'rm']) {
      writeFileSync(join(tools, tool), `#!/bin/sh\nprintf '%s\\0' ${tool} "$@"\nprintf '\\0'\n`);
      chmodSync(join(tools, tool), 0o755);
    }
  });
  afterAll(() => rmSync(tools, { recursive: true }));

  /** The programs that the shell starts for these lines, each with its arguments. Only the stubs are on its PATH. */
  function started(command: string): string[][] {
    const { stdout, stderr, status } = spawnSync('/bin/sh', ['-c', command], {
      cwd: tools,
      env: { PATH: tools },
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
    return stdout
      .split('\0\0')
      .filter((one) => one !== '')
      .map((one) => one.split('\0'));
  }

  const awkward = fc
    .array(fc.constantFrom(...'abZ19.-_+=<>~!*[]|,:;@/ $`\'"\\#&(){}?%^\n\t\0é'), { maxLength: 12 })
    .map((characters) => characters.join(''));
  const name = fc.stringMatching(/^[a-z0-9]{2,6}$/);
  const version = fc.stringMatching(/^[0-9][0-9a-z.+*]{0,5}$/);
  const relation = fc.constantFrom('==', '>=', '<', '<=', '!=', '~=', '>');
  const likely: Record<keyof PackagesInput, fc.Arbitrary<string>> = {
    apt: fc.tuple(name, fc.constantFrom('', ':amd64'), version).map(([n, arch, v]) => `${n}${arch}=${v}`),
    pip: fc.tuple(name, name, relation, version).map(([n, extra, r, v]) => `${n}[${extra}]${r}${v},<9`),
    conda: fc.tuple(name, name, relation, version).map(([c, n, r, v]) => `${c}::${n}${r}${v}|1.*`),
  };
  const entry = (key: keyof PackagesInput) =>
    fc.oneof(
      likely[key],
      awkward,
      fc.tuple(name, awkward).map((parts) => parts.join('')),
    );
  const isSound = (key: keyof PackagesInput, text: string) =>
    made({ baseImage: BASE, packages: { [key]: [text] } }).problems.length === 0;
  const soundList = (key: keyof PackagesInput) =>
    fc.uniqueArray(entry(key), { maxLength: 12 }).map((list) => list.filter((text) => isSound(key, text)));

  it('what is accepted reaches its installer word for word, and nothing else is started', () => {
    const lists = fc.record({ apt: soundList('apt'), conda: soundList('conda'), pip: soundList('pip') });
    fc.assert(
      fc.property(lists, (packages) => {
        const { apt, conda, pip } = packages;
        fc.pre(apt.length + conda.length + pip.length > 0);
        const { dockerfile } = made({ baseImage: BASE, packages });
        const commands = started(commandsOf(dockerfile ?? '').join('\n'));
        expect(commands).toEqual([
          ...(apt.length === 0
            ? []
            : [
                ['apt-get', 'update'],
                ['apt-get', 'install', '--yes', '--no-install-recommends', ...apt.toSorted()],
                ['apt-get', 'clean'],
                // Its star is the shell's to expand, and machines differ in what is there.
                expect.arrayContaining(['rm', '-rf']),
              ]),
          ...(conda.length === 0
            ? []
            : [
                ['conda', 'install', '--yes', ...conda.toSorted()],
                ['conda', 'clean', '--all', '--force-pkgs-dirs', '--yes'],
              ]),
          ...(pip.length === 0
            ? []
            : [
                [
                  ...['python3', '-m', 'pip', 'install', '--no-cache-dir', '--disable-pip-version-check'],
                  ...pip.toSorted(),
                ],
              ]),
        ]);
      }),
      { numRuns: 100 },
    );
  }, 30_000);

  it('the Dockerfile passes our own checks, as the instructions that it was meant to have', () => {
    const lists = fc.record({ apt: soundList('apt'), conda: soundList('conda'), pip: soundList('pip') });
    fc.assert(
      fc.property(lists, (packages) => {
        const filled = Object.values(packages).filter((list) => list.length > 0);
        fc.pre(filled.length > 0);
        const dockerfile = made({ baseImage: BASE, packages }).dockerfile ?? '';
        expect(checkDockerfile(dockerfile)).toEqual([]);
        const { instructions } = parseDockerfile(dockerfile);
        expect(instructions.map(({ keyword }) => keyword)).toEqual(['FROM', ...filled.map(() => 'RUN')]);
        expect(instructions.flatMap(({ heredocs, flags }) => [...heredocs, ...flags])).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
