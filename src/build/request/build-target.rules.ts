import type { Label } from '../../image/content/image-content.ts';
import { DEFAULT_TAG, IMAGE_NAME, MAX_CREATED_NAME } from '../../image/image.rules.ts';
import { checkTag, readReference } from '../../image/image-name.rules.ts';
import { DEFAULT_NAMESPACE } from '../../namespace/namespace.rules.ts';
import { checkScopeName, SCOPE_NAME } from '../../scope/scope.rules.ts';
import { excerpt } from '../../shared/excerpt.ts';
import type { Problems } from '../../shared/problems.ts';
import { checkLabels, checkText, countCodePoints, MAX_DESCRIPTION } from '../../shared/text.rules.ts';

/** S3's rule for the name of a built image. */
const BUILT_NAME = /^[a-z][a-z0-9-]{0,49}$/;
/** S2's rule for the name of a saved image; an OCI registry asks for a little more ({@link IMAGE_NAME}). */
const SAVED_NAME = /^[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?$/;
/** S2's limit for a tag. */
const MAX_SAVED_TAG = 64;
/** What a tag is made of, however long. */
const TAG_CHARACTERS = /^\w[\w.-]*$/;

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
  const nameLength = countCodePoints(input.name);
  if (nameLength > MAX_CREATED_NAME) {
    problems.add('TOO_LONG', ['name'], `may have at most ${MAX_CREATED_NAME} characters`, {
      max: MAX_CREATED_NAME,
      current: nameLength,
    });
  } else {
    const pattern = [SAVED_NAME, IMAGE_NAME].find((form) => !form.test(input.name));
    if (pattern !== undefined) {
      const message =
        'lower-case letters and digits, and between them single dots, one or two underscores, or hyphens';
      problems.add('PATTERN', ['name'], message, { pattern: pattern.source });
    }
  }
  const tag = input.tag ? input.tag : DEFAULT_TAG;
  const tagLength = countCodePoints(tag);
  // Of one that is too long alone, that is told once.
  if (tagLength <= MAX_SAVED_TAG || !TAG_CHARACTERS.test(tag)) checkTag(tag, ['tag'], problems);
  if (tagLength > MAX_SAVED_TAG) {
    problems.add('TOO_LONG', ['tag'], `may have at most ${MAX_SAVED_TAG} characters`, {
      max: MAX_SAVED_TAG,
      current: tagLength,
    });
  }
  checkText(problems, ['description'], input.description, MAX_DESCRIPTION);
  const { namespace, name } = input;
  return { namespace, name, tag, reference: `${registryHost}/${namespace}/${name}:${tag}` };
}

/** A namespace may have capital letters (S2); what is pushed below it may not, for OCI's paths have none. */
function checkRegistryPath(namespace: string, path: readonly string[], problems: Problems): void {
  if (!SCOPE_NAME.test(namespace) || IMAGE_NAME.test(namespace)) return;
  const message =
    'images are pushed below it, and a registry path has no capital letters and no separators side by side';
  problems.add('PATTERN', path, message, { pattern: IMAGE_NAME.source });
}
