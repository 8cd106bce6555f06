import { isDeepStrictEqual } from 'node:util';
import type { ImageOrigin } from '../shared/enums.ts';
import { excerpt } from '../shared/excerpt.ts';
import type { Problems } from '../shared/problems.ts';
import { commandTemplateOf } from './command/command-template.rules.ts';
import { changedContent, contentOf } from './content/image-content.rules.ts';
import { type ContentChanges, type ImageContent, NO_CONTENT } from './content/image-content.ts';
import {
  type GivenDependency,
  type ImageName,
  readDependencies,
} from './dependency/image-dependency.rules.ts';
import type { EditableField, Image } from './image.entity.ts';
import { catalogueNameOf, type NamedReference } from './image-name.rules.ts';

/** What somebody says about an image. What is absent stays or, with a new image, is left to the catalogue. */
export interface ImageEdit extends ContentChanges {
  readonly reference?: string | null | undefined;
  readonly namespace?: string | null | undefined;
  readonly name?: string | null | undefined;
  readonly tag?: string | null | undefined;
  readonly origin?: ImageOrigin | null | undefined;
  readonly dependencies?: readonly string[] | null | undefined;
}

/** All that people decide about an image, before anything is looked up: what registering, updating and importing write. */
export interface ImageDraft extends ImageName, NamedReference {
  readonly origin: ImageOrigin;
  readonly content: ImageContent;
  readonly dependencies: readonly GivenDependency[];
}

/**
 * What an image is to be after an edit.
 *
 * @param base as it is now; `null` for one that is new
 * @returns no draft where the name or the reference cannot be read; everything that is wrong is in `problems`
 */
export function draftOf(
  base: ImageDraft | null,
  edit: ImageEdit,
  problems: Problems,
): { draft: ImageDraft | null; dependencies: readonly GivenDependency[]; warnings: string[] } {
  const content = changedContent(base?.content ?? NO_CONTENT, edit, problems);
  const dependencies =
    edit.dependencies === undefined
      ? (base?.dependencies ?? [])
      : readDependencies(edit.dependencies ?? [], ['dependencies'], problems);
  const reference = edit.reference ?? base?.reference;
  if (reference === undefined || edit.reference === null) {
    problems.add('REQUIRED', ['reference'], 'an image needs a reference: what to pull');
    return { draft: null, dependencies, warnings: [] };
  }
  const part = (name: keyof ImageName) => (edit[name] === undefined ? base?.[name] : edit[name]);
  const name = catalogueNameOf(
    { reference, namespace: part('namespace'), name: part('name'), tag: part('tag') },
    problems,
  );
  if (name === null) return { draft: null, dependencies, warnings: [] };
  const { displayName, ...named } = name;
  const warnings = displayName === null ? [] : [noNameWarning(displayName, edit.displayName)];
  const isTemplateGiven = [edit.runtime, edit.inputs, edit.outputs, edit.configs].some(
    (part) => part !== undefined,
  );
  if (isTemplateGiven && !problems.any) warnings.push(...commandTemplateOf(content).warnings);
  return {
    draft: {
      ...named,
      // What is no name renames nothing.
      name: base !== null && displayName !== null ? base.name : named.name,
      origin: edit.origin === undefined ? (base?.origin ?? 'CUSTOMIZE') : (edit.origin ?? 'CUSTOMIZE'),
      content: { ...content, displayName: edit.displayName ?? displayName ?? content.displayName },
      dependencies,
    },
    dependencies,
    warnings,
  };
}

/** Tells what is wrong with an edit by itself, where nobody knows of which image it is. */
export function checkEdit(edit: ImageEdit, problems: Problems): void {
  draftOf(null, { reference: 'unknown', ...edit }, problems);
}

/** An image as it is now, in the form in which edits are compared. */
export function draftOfRow(
  image: ImageContent &
    Pick<Image, 'name' | 'tag' | 'reference' | 'registryHost' | 'repository' | 'digest' | 'origin'>,
  namespace: string,
  dependencies: readonly GivenDependency[],
): ImageDraft {
  const { name, tag, reference, registryHost, repository, digest, origin } = image;
  return {
    namespace,
    name,
    tag,
    reference,
    registryHost,
    repository,
    digest,
    // What a reference names besides its digest is only needed to ask a registry, and then the reference is read again.
    tagInRegistry: tag,
    origin,
    content: contentOf(image),
    dependencies,
  };
}

function noNameWarning(name: string, displayName: string | null | undefined): string {
  const fate = displayName ? 'left out, since there is a display name' : 'kept for people';
  return `${JSON.stringify(excerpt(name))} is no name for the catalogue, so it is ${fate}`;
}

/** In which parts two drafts of an image differ. */
export function changedFields(before: ImageDraft, after: ImageDraft): EditableField[] {
  const content = Object.keys(NO_CONTENT) as (keyof ImageContent)[];
  const names = (draft: ImageDraft) => draft.dependencies.map(({ reference }) => reference);
  return [
    ...(['reference', 'namespace', 'name', 'tag', 'origin'] as const).filter(
      (field) => before[field] !== after[field],
    ),
    ...content.filter((field) => !isDeepStrictEqual(before.content[field], after.content[field])),
    ...(isDeepStrictEqual(names(before), names(after)) ? [] : (['dependencies'] as const)),
  ];
}
