import { readReference } from '../../image/image-name.rules.ts';
import { excerpt } from '../../shared/excerpt.ts';
import type { Problem, Problems } from '../../shared/problems.ts';

/** Of each installer. */
const MAX_PACKAGES = 500;
/**
 * Characters of one entry. 500 of 200 stay below Linux's 128 KiB for one argument (MAX_ARG_STRLEN): a RUN is one argument
 * of the shell.
 */
const MAX_ENTRY = 200;

export interface PackageBuildInput {
  readonly baseImage?: string | null | undefined;
  readonly packages?: PackagesInput | null | undefined;
}
export interface PackagesInput {
  readonly apt?: readonly string[] | null | undefined;
  readonly pip?: readonly string[] | null | undefined;
  readonly conda?: readonly string[] | null | undefined;
}

interface Installer {
  readonly key: keyof PackagesInput;
  readonly entry: RegExp;
  readonly expected: string;
  /** @param packages a word of the shell each, on lines of their own; the last one is not continued */
  readonly instruction: (packages: string) => string;
}

/** `1.26`, `7.*`, `1!2.0+cu121`. */
const VERSION = '[A-Za-z0-9*][A-Za-z0-9._*+!-]*';
const PIP_NAME = '[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?';
const PIP_EXTRAS = `\\[ ?${PIP_NAME}(?: ?, ?${PIP_NAME})* ?\\]`;
const PIP_CLAUSE = `(?:===|[~=!<>]=|[<>]) ?${VERSION}`;
const CONDA_CHANNEL = '[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*';
const CONDA_NAME = '[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?';
const CONDA_RELATION = '(?:[~=!<>]=|[=<>])';
const CONDA_VERSIONS = `${CONDA_RELATION} ?${VERSION}(?: ?[,|] ?(?:${CONDA_RELATION} ?)?${VERSION})*`;

/**
 * In the order in which they run: what apt brings may be needed to compile the rest, and conda wants pip to come last.
 *
 * No entry can begin with a hyphen, so that none is an option. None has a quote, a backslash, a `$`, a `#`, a line end or
 * anything outside ASCII, so that single quotes make it one word of any shell, and a line of its own in a Dockerfile.
 */
const INSTALLERS: readonly Installer[] = [
  {
    key: 'apt',
    // apt-get REMOVES what it is told to install with a hyphen behind it.
    entry: /^[a-z0-9][a-z0-9+.-]*(?::[a-z0-9-]+)?(?:=[A-Za-z0-9][A-Za-z0-9.+:~*-]*)?(?<!-)$/,
    expected:
      'a lower-case name with its architecture or version where needed, e.g. curl, libfoo:amd64 or curl=7.88.1-10, and no hyphen at its end',
    instruction: (packages) =>
      `# Takes a base of the Debian family whose user is root.
RUN apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \\
${packages} \\
 && apt-get clean \\
 && rm -rf /var/lib/apt/lists/*
`,
  },
  {
    key: 'conda',
    entry: new RegExp(`^(?:${CONDA_CHANNEL}::)?${CONDA_NAME}(?: ?${CONDA_VERSIONS}(?:=[A-Za-z0-9._*]+)?)?$`),
    expected:
      'a name with its channel or version where needed, e.g. numpy, numpy=1.26 or conda-forge::lightgbm>=4; options, URLs and [key=value] are not taken',
    instruction: (packages) =>
      `# Takes a base that has conda on its PATH.
RUN conda install --yes \\
${packages} \\
 && conda clean --all --force-pkgs-dirs --yes
`,
  },
  {
    key: 'pip',
    entry: new RegExp(`^${PIP_NAME}(?: ?${PIP_EXTRAS})?(?: ?${PIP_CLAUSE}(?: ?, ?${PIP_CLAUSE})*)?$`),
    expected:
      'a name with its extras or version where needed, e.g. numpy==1.19.5, torch>=2.0,<3 or uvicorn[standard]~=0.30; options, URLs and environment markers (;) are not taken',
    instruction: (packages) =>
      `# Takes a base that has Python 3 and pip. The variable lets pip add to a distribution's own Python (PEP 668).
RUN PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install --no-cache-dir --disable-pip-version-check \\
${packages}
`,
  },
];

/**
 * Checks what a PACKAGE_INSTALLATION asks for and writes the Dockerfile that does it: one RUN for each installer, one package
 * a line, sorted, so that the same packages are the same text and come out of the engine's cache.
 *
 * Everything runs as the base image's own user, and the image keeps it. A Dockerfile can neither read a base's user nor
 * come back to it after `USER root`; to leave the image with root would undo what its makers did on purpose. So apt asks for
 * a base whose user is root, while pip installs for a user who may not write to the system's Python. Who needs more writes
 * a Dockerfile.
 *
 * Entries take what names a package and its version, in each installer's own grammar:
 * [apt](https://www.debian.org/doc/debian-policy/ch-controlfields.html#source),
 * [pip](https://packaging.python.org/en/latest/specifications/dependency-specifiers/) without URLs and environment markers
 * (an image has one Python), [conda](https://docs.conda.io/projects/conda/en/stable/user-guide/concepts/pkg-search.html).
 *
 * @returns `null` where something is wrong; everything that is wrong is in `problems`
 */
export function packageDockerfileOf(
  { baseImage, packages }: PackageBuildInput,
  problems: Problems,
): string | null {
  const base = checkBase(baseImage, problems);
  const lists = INSTALLERS.map((installer) => checkPackages(installer, packages?.[installer.key], problems));
  if (INSTALLERS.every(({ key }) => !packages?.[key]?.length)) {
    const message = 'name at least one package in apt, pip or conda';
    problems.add('REQUIRED', ['buildConfig', 'packages'], message);
    return null;
  }
  if (base === null || lists.includes(null)) return null;
  const parts = INSTALLERS.flatMap(({ instruction }, index) => {
    const entries = lists[index] ?? [];
    if (entries.length === 0) return [];
    const words = entries.toSorted().map((entry) => `      '${entry}'`);
    return instruction(words.join(' \\\n'));
  });
  // The first line has no equals sign: with one it could be a parser directive.
  const head = `# Made from a base image and lists of packages. The user stays the base image's own.\nFROM ${base}\n`;
  return [head, ...parts].join('\n');
}

function checkBase(baseImage: string | null | undefined, problems: Problems): string | null {
  const at = ['buildConfig', 'baseImage'];
  if (!baseImage) {
    problems.add('REQUIRED', at, 'name the image that the packages are installed on, e.g. python:3.12-slim');
    return null;
  }
  if (baseImage === 'scratch') {
    problems.add('NOT_ALLOWED', at, 'scratch is empty: nothing in it can install packages');
    return null;
  }
  return readReference(baseImage, at, problems) === null ? null : baseImage;
}

/** @returns the entries, or `null` where something is wrong with them */
function checkPackages(
  installer: Installer,
  entries: readonly string[] | null | undefined,
  problems: Problems,
): readonly string[] | null {
  if (!entries) return [];
  const all = ['buildConfig', 'packages', installer.key];
  if (entries.length > MAX_PACKAGES) {
    const message = `at most ${MAX_PACKAGES} packages; these are ${entries.length}`;
    problems.add('TOO_MANY', all, message, { max: MAX_PACKAGES, current: entries.length });
    return null;
  }
  const seen = new Set<string>();
  let isSound = true;
  for (const [index, entry] of entries.entries()) {
    const wrong = seen.has(entry)
      ? ({ code: 'DUPLICATE', message: `${quoted(entry)} is there twice`, details: null } as const)
      : entryProblem(installer, entry);
    seen.add(entry);
    if (wrong === null) continue;
    isSound = false;
    problems.add(wrong.code, [...all, String(index)], wrong.message, wrong.details);
  }
  return isSound ? entries : null;
}

function entryProblem(
  { key, entry: pattern, expected }: Installer,
  entry: string,
): Omit<Problem, 'path'> | null {
  if (entry.length > MAX_ENTRY) {
    const message = `may have at most ${MAX_ENTRY} characters`;
    return { code: 'TOO_LONG', message, details: { max: MAX_ENTRY } };
  }
  if (pattern.test(entry)) return null;
  const message = `${quoted(entry)} is no package for ${key}: give ${expected}`;
  return { code: 'PATTERN', message, details: { pattern: pattern.source } };
}

function quoted(entry: string): string {
  return JSON.stringify(excerpt(entry));
}
