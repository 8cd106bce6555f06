import { DEFAULT_NAMESPACE } from '../namespace/namespace.rules.ts';
import { checkScopeName } from '../scope/scope.rules.ts';
import { type ImageReference, parseImageReference } from '../shared/image-reference.ts';
import type { Problems } from '../shared/problems.ts';
import { checkText, MAX_DISPLAY_NAME } from '../shared/text.rules.ts';
import { DEFAULT_TAG, IMAGE_NAME, MAX_REGISTERED_NAME, OCI_TAG } from './image.rules.ts';

/** The host that a reference without one means. */
const DEFAULT_REGISTRY = 'docker.io';

/** A reference, taken apart and with what it leaves out filled in. */
export interface NamedReference {
  /** As it was written. */
  readonly reference: string;
  readonly registryHost: string;
  readonly repository: string;
  /** What the reference names besides a digest. */
  readonly tagInRegistry: string;
  readonly digest: string | null;
}

export interface CatalogueName extends NamedReference {
  readonly namespace: string;
  readonly name: string;
  readonly tag: string;
  /** A given name that is no catalogue name, such as `普通整片转码`, is kept for people; `null`: there was none. */
  readonly displayName: string | null;
}

/**
 * Finds the catalogue name of an image that is registered by its reference.
 *
 * The namespace is the given one, else the reference's first path segment where it has several, else `default`. The
 * name is the given one if it is a catalogue name, else what the reference says.
 *
 * @returns `null` if the reference cannot be read; everything that is wrong is in `problems`
 */
export function catalogueNameOf(
  input: {
    readonly reference: string;
    readonly namespace?: string | null | undefined;
    readonly name?: string | null | undefined;
    readonly tag?: string | null | undefined;
  },
  problems: Problems,
): CatalogueName | null {
  const parsed = readReference(input.reference, ['reference'], problems);
  const { tag } = input;
  const segments = parsed === null ? [] : parsed.path.split('/');
  const namespace = input.namespace || (segments.length > 1 ? (segments[0] as string) : DEFAULT_NAMESPACE);
  checkScopeName(problems, ['namespace'], namespace);
  if (tag) checkTag(tag, ['tag'], problems);
  const legal = typeof input.name === 'string' && isImageName(input.name);
  if (!legal) checkText(problems, ['name'], input.name, MAX_DISPLAY_NAME);
  if (parsed === null) return null;
  const name = legal ? (input.name as string) : segments.slice(segments.length > 1 ? 1 : 0).join('/');
  if (name.length > MAX_REGISTERED_NAME) {
    problems.add('TOO_LONG', ['name'], `may have at most ${MAX_REGISTERED_NAME} characters`, {
      max: MAX_REGISTERED_NAME,
      current: name.length,
    });
  }
  return {
    namespace,
    name,
    tag: tag ? tag : (parsed.tag ?? DEFAULT_TAG),
    displayName: input.name && !legal ? input.name : null,
    reference: input.reference,
    registryHost: parsed.host ?? DEFAULT_REGISTRY,
    repository: parsed.path,
    tagInRegistry: parsed.tag ?? DEFAULT_TAG,
    digest: parsed.digest,
  };
}

/** The tag of its repository that a reference means; `null` where it names a digest alone. */
export function tagOfReference(reference: string): string | null {
  const parsed = parseImageReference(reference);
  if ('problem' in parsed) return DEFAULT_TAG;
  return parsed.tag ?? (parsed.digest === null ? DEFAULT_TAG : null);
}

/** A name of megabytes would overflow the regular expression's stack; one that is a little too long is still told so. */
function isImageName(text: string): boolean {
  return text.length <= 2 * MAX_REGISTERED_NAME && IMAGE_NAME.test(text);
}

/** Reads a reference, or says what is wrong with it. */
export function readReference(
  reference: string,
  path: readonly string[],
  problems: Problems,
): ImageReference | null {
  const parsed = parseImageReference(reference);
  if (!('problem' in parsed)) return parsed;
  problems.add(
    'REFERENCE_INVALID',
    path,
    `${parsed.problem}; a reference is host[:port]/path[:tag][@digest]`,
  );
  return null;
}

/** Checks a tag by OCI's rules; S2 allows a comma, which no registry takes, so it gets a code of its own. */
export function checkTag(tag: string, path: readonly string[], problems: Problems): void {
  if (OCI_TAG.test(tag)) return;
  problems.add(
    'TAG_NOT_OCI',
    path,
    'a tag has letters, digits, dots, hyphens and underscores, at most 128, and starts with a letter, digit or underscore; no registry takes a comma or anything else in it',
    { pattern: OCI_TAG.source },
  );
}
