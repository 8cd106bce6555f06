import type { Label } from '../image/image.entity.ts';
import { DEFAULT_TAG, IMAGE_NAME, MAX_CREATED_NAME } from '../image/image.rules.ts';
import { checkTag, readReference } from '../image/image-name.rules.ts';
import { DEFAULT_NAMESPACE } from '../namespace/namespace.rules.ts';
import { checkScopeName, SCOPE_NAME } from '../scope/scope.rules.ts';
import { excerpt } from '../shared/excerpt.ts';
import type { Problems } from '../shared/problems.ts';
import { checkLabels, checkStorable, checkText, MAX_DESCRIPTION } from '../shared/text.rules.ts';
import type { DockerfileSource } from './build.entity.ts';
import { checkDockerfile } from './dockerfile.rules.ts';
import { type GuardedBase, guardedBases } from './dockerfile-base.rules.ts';

/** S3's rule for the name of a built image. */
const BUILT_NAME = /^[a-z][a-z0-9-]{0,49}$/;
/** S2's rule for the name of a saved image; an OCI registry asks for a little more ({@link IMAGE_NAME}). */
const SAVED_NAME = /^[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?$/;
/** S2's limit for a tag. */
const MAX_SAVED_TAG = 64;
const ARG_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MAX_FILES = 1000;
const MAX_FILES_BYTES = 8 * 1024 * 1024;
const MAX_DOCKERFILE_BYTES = 1024 * 1024;
const DEFAULT_MODE = 0o644;

export interface BuildTarget {
  readonly namespace: string;
  readonly name: string;
  readonly tag: string;
  /** `host/path:tag`. */
  readonly reference: string;
}

export interface BuildTargetInput {
  readonly namespace?: string | null | undefined;
  readonly name: string;
  readonly tag?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly reference?: string | null | undefined;
  readonly labels?: readonly Label[] | null | undefined;
}

export interface BuildFileInput {
  readonly path: string;
  readonly content: string;
  readonly encoding?: 'UTF8' | 'BASE64' | null | undefined;
  readonly mode?: number | null | undefined;
}

export interface BuildConfigInput {
  readonly dockerfile?: string | null | undefined;
  readonly buildArgs?: readonly { readonly name: string; readonly value: string }[] | null | undefined;
  readonly files?: readonly BuildFileInput[] | null | undefined;
  readonly target?: string | null | undefined;
  readonly noCache?: boolean | null | undefined;
}

/**
 * Checks where a built image is to go: into the platform's registry, below its namespace.
 *
 * @returns `null` if the reference cannot be read; everything that is wrong is in `problems`
 */
export function buildTargetOf(
  input: BuildTargetInput,
  registryHost: string,
  problems: Problems,
): BuildTarget | null {
  if (!BUILT_NAME.test(input.name)) {
    const rule = 'a lower-case letter, then at most 49 lower-case letters, digits or hyphens';
    problems.add('PATTERN', ['image', 'name'], rule, { pattern: BUILT_NAME.source });
  }
  checkText(problems, ['image', 'description'], input.description, MAX_DESCRIPTION);
  checkLabels(problems, ['image', 'labels'], input.labels);
  if (input.tag) checkTag(input.tag, ['image', 'tag'], problems);
  if (input.namespace) checkScopeName(problems, ['image', 'namespace'], input.namespace);
  const at = ['image', 'reference'];
  if (!input.reference) {
    const { namespace = null, name } = input;
    const tag = input.tag ? input.tag : DEFAULT_TAG;
    const owner = namespace ? namespace : DEFAULT_NAMESPACE;
    checkRegistryPath(owner, ['image', 'namespace'], problems);
    if (BUILT_NAME.test(name) && !IMAGE_NAME.test(name)) {
      const message =
        'ends in a hyphen, which no registry path does: choose another name, or give a reference';
      problems.add('PATTERN', ['image', 'name'], message, { pattern: IMAGE_NAME.source });
    }
    return { namespace: owner, name, tag, reference: `${registryHost}/${owner}/${name}:${tag}` };
  }
  const reference = readReference(input.reference, at, problems);
  if (reference === null) return null;
  if (reference.digest !== null) {
    problems.add('REFERENCE_INVALID', at, 'a build pushes a tag: leave out the digest');
  }
  if (reference.host !== registryHost) {
    problems.add(
      'REGISTRY_NOT_ALLOWED',
      at,
      `images built here go to ${registryHost}: begin the reference with it`,
      {
        allowed: [registryHost],
      },
    );
  }
  const [first = '', ...rest] = reference.path.split('/');
  if (rest.length === 0) {
    problems.add(
      'REFERENCE_INVALID',
      at,
      'name the namespace and the repository, as in host/namespace/repository:tag',
    );
  } else if (!input.namespace) {
    checkScopeName(problems, at, first);
  } else if (input.namespace !== first) {
    const [inReference, asked] = [excerpt(first), excerpt(input.namespace)];
    const message = `the reference goes to the namespace ${inReference}, not to ${asked}`;
    problems.add('NAMESPACE_MISMATCH', at, message, { reference: inReference, namespace: asked });
  }
  if (input.tag && reference.tag !== null && reference.tag !== input.tag) {
    problems.add(
      'INVALID',
      ['image', 'tag'],
      `the reference says ${excerpt(reference.tag)}; leave one out or make them equal`,
    );
  }
  const tag = input.tag ? input.tag : (reference.tag ?? DEFAULT_TAG);
  return {
    namespace: input.namespace ? input.namespace : first,
    name: input.name,
    tag,
    reference: `${reference.host}/${reference.path}:${tag}`,
  };
}

/** Checks where a saved notebook is to go; S2's rules to the letter, and what a registry needs besides. */
export function saveTargetOf(
  input: {
    readonly namespace: string;
    readonly name: string;
    readonly tag?: string | null | undefined;
    readonly description?: string | null | undefined;
  },
  registryHost: string,
  problems: Problems,
): BuildTarget {
  checkScopeName(problems, ['namespace'], input.namespace);
  checkRegistryPath(input.namespace, ['namespace'], problems);
  if (input.name.length > MAX_CREATED_NAME) {
    problems.add('TOO_LONG', ['name'], `may have at most ${MAX_CREATED_NAME} characters`, {
      max: MAX_CREATED_NAME,
      current: input.name.length,
    });
  } else if (!SAVED_NAME.test(input.name) || !IMAGE_NAME.test(input.name)) {
    problems.add(
      'PATTERN',
      ['name'],
      'lower-case letters and digits, with single dots, underscores or hyphens between them',
      { pattern: SAVED_NAME.source },
    );
  }
  const tag = input.tag ? input.tag : DEFAULT_TAG;
  checkTag(tag, ['tag'], problems);
  if (tag.length > MAX_SAVED_TAG) {
    problems.add('TOO_LONG', ['tag'], `may have at most ${MAX_SAVED_TAG} characters`, {
      max: MAX_SAVED_TAG,
      current: tag.length,
    });
  }
  checkText(problems, ['description'], input.description, MAX_DESCRIPTION);
  const { namespace, name } = input;
  return { namespace, name, tag, reference: `${registryHost}/${namespace}/${name}:${tag}` };
}

/**
 * Checks a Dockerfile and what comes with it.
 *
 * @returns the source as it is kept, and the bases that take a right; everything that is wrong is in `problems`
 */
export function dockerfileSourceOf(
  config: BuildConfigInput,
  registryHost: string,
  problems: Problems,
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
  const at = ['buildConfig', 'dockerfile'];
  const warnings: string[] = [];
  let bases: GuardedBase[] = [];
  if (dockerfile.trim() === '') {
    problems.add('REQUIRED', at, 'give the Dockerfile');
  } else if (Buffer.byteLength(dockerfile) > MAX_DOCKERFILE_BYTES) {
    problems.add('TOO_LONG', at, `may have at most ${MAX_DOCKERFILE_BYTES} bytes`, {
      max: MAX_DOCKERFILE_BYTES,
    });
  } else {
    const target = config.target ?? null;
    bases = guardedBases(dockerfile, buildArgs, registryHost);
    for (const found of checkDockerfile(dockerfile, {
      buildArgs,
      files: files.map(({ path }) => path),
      target,
    })) {
      const { line, column, endLine, endColumn } = found;
      if (found.severity === 'ERROR') {
        const code =
          found.code === 'CONTEXT_MISSING' || found.code === 'NOT_ALLOWED'
            ? found.code
            : 'DOCKERFILE_INVALID';
        problems.add(code, at, `line ${line}: ${found.message}`, {
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
  let bytes = 0;
  const kept = files.map((file, index) => {
    const at = (field: string) => [...all, String(index), field];
    if (!isInsidePath(file.path)) {
      problems.add(
        'INVALID',
        at('path'),
        'a relative path inside the context, without "..", e.g. src/train.py',
      );
    }
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
  if (bytes > MAX_FILES_BYTES) {
    problems.add('TOO_LONG', all, `the files may have ${MAX_FILES_BYTES} bytes together`, {
      max: MAX_FILES_BYTES,
      current: bytes,
    });
  }
  return kept;
}

function isInsidePath(path: string): boolean {
  if (
    path === '' ||
    path.length > 4096 ||
    path.startsWith('/') ||
    path.includes('\\') ||
    !path.isWellFormed() ||
    /\p{Cc}/u.test(path)
  )
    return false;
  return path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

function isBase64(text: string): boolean {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text.replaceAll(/\s/g, ''));
}

/** A namespace may have capital letters (S2); what is pushed below it may not, for OCI's paths have none. */
function checkRegistryPath(namespace: string, path: readonly string[], problems: Problems): void {
  if (IMAGE_NAME.test(namespace) || !SCOPE_NAME.test(namespace)) return;
  const message =
    'images are pushed below it, and a registry path has no capital letters and no separators side by side';
  problems.add('PATTERN', path, message, { pattern: IMAGE_NAME.source });
}
