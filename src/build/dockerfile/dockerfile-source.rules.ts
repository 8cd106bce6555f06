import { excerpt } from '../../shared/excerpt.ts';
import type { Problems, UserErrorCode } from '../../shared/problems.ts';
import { checkStorable } from '../../shared/text.rules.ts';
import type { DockerfileSource } from '../build.entity.ts';
import { checkDockerfile, MAX_DOCKERFILE_BYTES } from './dockerfile.rules.ts';
import { type GuardedBase, guardedBases } from './dockerfile-base.rules.ts';
import { foldersOf, pathProblem } from './dockerfile-files.rules.ts';
import type { BaseRegistries } from './dockerfile-host.rules.ts';
import { secretArgWarnings } from './dockerfile-secret.rules.ts';

const ARG_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
export const MAX_FILES = 1000;
/** So that a thousand files cannot have 63 folders each: every one is an entry of its own in what the engine is sent. */
const MAX_FOLDERS = 10_000;
const MAX_FILES_BYTES = 8 * 1024 * 1024;
const DEFAULT_MODE = 0o644;

export interface BuildFileInput {
  readonly path: string;
  readonly content: string;
  readonly encoding?: 'UTF8' | 'BASE64' | null | undefined;
  readonly mode?: number | null | undefined;
}

export interface DockerfileConfigInput {
  readonly dockerfile?: string | null | undefined;
  readonly buildArgs?: readonly { readonly name: string; readonly value: string }[] | null | undefined;
  readonly files?: readonly BuildFileInput[] | null | undefined;
  readonly target?: string | null | undefined;
  readonly noCache?: boolean | null | undefined;
}

/** The rules whose problems have a code of their own. */
const CODES: Readonly<Record<string, UserErrorCode>> = {
  CONTEXT_MISSING: 'CONTEXT_MISSING',
  NOT_ALLOWED: 'NOT_ALLOWED',
  REGISTRY_NOT_ALLOWED: 'REGISTRY_NOT_ALLOWED',
};

/** Engines read it; here a file that is not to be in the context need not be sent. */
const IGNORE_FILE = '.dockerignore';
const NOT_READ = `${IGNORE_FILE} is not read: all files that are sent are in the context; leave out what is not to be there`;

/**
 * Checks a Dockerfile and what comes with it.
 *
 * @param at where the Dockerfile stands in the input, or what it was made from
 * @returns the source as it is kept, and the bases that take a right; everything that is wrong is in `problems`
 */
export function dockerfileSourceOf(
  config: DockerfileConfigInput,
  registries: BaseRegistries,
  problems: Problems,
  at: readonly string[] = ['buildConfig', 'dockerfile'],
): { dockerfile: string; source: DockerfileSource; bases: GuardedBase[]; warnings: string[] } {
  const dockerfile = config.dockerfile ?? '';
  const buildArgs: Record<string, string> = {};
  for (const [index, { name, value }] of (config.buildArgs ?? []).entries()) {
    const at = ['buildConfig', 'buildArgs', String(index), 'name'];
    if (!ARG_NAME.test(name))
      problems.add('PATTERN', at, 'letters, digits and underscores', { pattern: ARG_NAME.source });
    if (Object.hasOwn(buildArgs, name))
      problems.add('DUPLICATE', at, `the argument ${excerpt(name)} is there twice`);
    checkStorable(problems, ['buildConfig', 'buildArgs', String(index), 'value'], value);
    buildArgs[name] = value;
  }
  const files = filesOf(config.files ?? [], problems);
  const warnings = secretArgWarnings(Object.keys(buildArgs));
  if (files.some(({ path }) => path === IGNORE_FILE)) warnings.push(NOT_READ);
  let bases: GuardedBase[] = [];
  if (dockerfile.trim() === '') {
    problems.add('REQUIRED', at, 'give the Dockerfile');
  } else if (Buffer.byteLength(dockerfile) > MAX_DOCKERFILE_BYTES) {
    problems.add('TOO_LONG', at, `may have at most ${MAX_DOCKERFILE_BYTES} bytes`, {
      max: MAX_DOCKERFILE_BYTES,
    });
  } else {
    const target = config.target ?? null;
    bases = guardedBases(dockerfile, buildArgs, registries.own);
    for (const found of checkDockerfile(dockerfile, {
      buildArgs,
      files: files.map(({ path }) => path),
      target,
      registries,
    })) {
      const { line, column, endLine, endColumn } = found;
      if (found.severity === 'ERROR') {
        problems.add(CODES[found.code] ?? 'DOCKERFILE_INVALID', at, `line ${line}: ${found.message}`, {
          line,
          column,
          endLine,
          endColumn,
          rule: found.code,
        });
      } else if (found.severity === 'WARNING') {
        warnings.push(`Dockerfile line ${line}: ${found.message}`);
      }
    }
  }
  return {
    dockerfile,
    source: { buildArgs, files, target: config.target ?? null, noCache: config.noCache ?? false },
    bases,
    warnings,
  };
}

function filesOf(files: readonly BuildFileInput[], problems: Problems): DockerfileSource['files'] {
  const all = ['buildConfig', 'files'];
  if (files.length > MAX_FILES) {
    problems.add('TOO_MANY', all, `at most ${MAX_FILES} files`, { max: MAX_FILES, current: files.length });
    return [];
  }
  const seen = new Set<string>();
  const sound: string[] = [];
  let bytes = 0;
  const kept = files.map((file, index) => {
    const at = (field: string) => [...all, String(index), field];
    const unsound = pathProblem(file.path);
    if (unsound === null) sound.push(file.path);
    else problems.add('INVALID', at('path'), unsound);
    if (seen.has(file.path)) problems.add('DUPLICATE', at('path'), `${excerpt(file.path)} is there twice`);
    seen.add(file.path);
    const mode = file.mode ?? DEFAULT_MODE;
    if (mode < 0 || mode > 0o777) {
      problems.add('OUT_OF_RANGE', at('mode'), 'permission bits from 0 to 511 (0o777)', {
        min: 0,
        max: 0o777,
      });
    }
    const base64 = file.encoding === 'BASE64';
    const content = Buffer.from(file.content, base64 ? 'base64' : 'utf8');
    if (base64 && !isBase64(file.content)) problems.add('INVALID', at('content'), 'this is not base64');
    bytes += content.byteLength;
    return { path: file.path, content: content.toString('base64'), mode };
  });
  const folders = foldersOf(sound);
  if (folders.size > MAX_FOLDERS) {
    problems.add(
      'TOO_MANY',
      all,
      `the files may be in ${MAX_FOLDERS} folders; these are in ${folders.size}`,
      {
        max: MAX_FOLDERS,
        current: folders.size,
      },
    );
  }
  for (const [index, { path }] of files.entries()) {
    if (!folders.has(path)) continue;
    problems.add('INVALID', [...all, String(index), 'path'], 'another file is in a folder of this name');
  }
  if (bytes > MAX_FILES_BYTES) {
    problems.add('TOO_LONG', all, `the files may have ${MAX_FILES_BYTES} bytes together`, {
      max: MAX_FILES_BYTES,
      current: bytes,
    });
  }
  return kept;
}

function isBase64(text: string): boolean {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text.replaceAll(/\s/g, ''));
}
