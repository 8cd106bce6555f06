import { DEFAULT_NAMESPACE } from '../../namespace/namespace.rules.ts';
import { SCOPE_NAME } from '../../scope/scope.rules.ts';
import { excerpt } from '../../shared/excerpt.ts';
import type { Problems } from '../../shared/problems.ts';
import { DEFAULT_TAG, IMAGE_NAME, MAX_REGISTERED_NAME, OCI_TAG } from '../image.rules.ts';

const MAX_DEPENDENCIES = 100;

/** The name of an image in the catalogue: what a dependency names. */
export interface ImageName {
  readonly namespace: string;
  readonly name: string;
  readonly tag: string;
}

export interface GivenDependency extends ImageName {
  /** Where it stands in what was given. */
  readonly index: number;
  /** As it was written. */
  readonly reference: string;
}

/** A catalogue name as people write it, e.g. `algo/posterize:1.0`. */
export function printImageName({ namespace, name, tag }: ImageName): string {
  return `${namespace}/${name}:${tag}`;
}

export function isSameName(a: ImageName, b: ImageName): boolean {
  return a.namespace === b.namespace && a.name === b.name && a.tag === b.tag;
}

/**
 * Reads dependencies, `[namespace/]name[:tag]`; a name of one segment is one in `default` (S1).
 *
 * @returns those that can be read; everything that is wrong with the others is in `problems`
 */
export function readDependencies(
  given: readonly string[],
  path: readonly string[],
  problems: Problems,
): GivenDependency[] {
  if (given.length > MAX_DEPENDENCIES) {
    const details = { max: MAX_DEPENDENCIES, current: given.length };
    problems.add('TOO_MANY', path, `an image has at most ${MAX_DEPENDENCIES} dependencies`, details);
    return [];
  }
  const found: GivenDependency[] = [];
  for (const [index, reference] of given.entries()) {
    const at = [...path, String(index)];
    const name = readImageName(reference);
    if (name === null) {
      const message = `${JSON.stringify(excerpt(reference))} is no image's name: write namespace/name:tag, e.g. algo/posterize:1.0`;
      problems.add('REFERENCE_INVALID', at, message);
    } else if (found.some((other) => isSameName(other, name))) {
      problems.add('DUPLICATE', at, `${printImageName(name)} is there twice`);
    } else {
      found.push({ ...name, reference, index });
    }
  }
  return found;
}

/** Not by the rules of references: a namespace may have a dot, which would make it a host there. */
function readImageName(text: string): ImageName | null {
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  const [path, tag] = colon < 0 ? [text, DEFAULT_TAG] : [text.slice(0, colon), text.slice(colon + 1)];
  const slash = path.indexOf('/');
  const [namespace, name] =
    slash < 0 ? [DEFAULT_NAMESPACE, path] : [path.slice(0, slash), path.slice(slash + 1)];
  const isShort = name.length <= MAX_REGISTERED_NAME;
  return SCOPE_NAME.test(namespace) && isShort && IMAGE_NAME.test(name) && OCI_TAG.test(tag)
    ? { namespace, name, tag }
    : null;
}
