import { isDeepStrictEqual } from 'node:util';
import type { EditableField, Image } from '../image.entity.ts';
import type { ImageDraft } from '../image-draft.rules.ts';
import { factsOf } from '../image-edit.rules.ts';
import type { ImageListRow, RowError } from './image-list-reading.rules.ts';

/** What is wrong with a row. */
export interface RowProblem extends RowError {
  /** The row's place in the document, from 0. */
  readonly index: number;
  /** As they stand in the document. */
  readonly imageId: string | null;
  readonly imageName: string | null;
  readonly imageTag: string | null;
}

/** What is to become of a row that nothing is wrong with. */
export interface PlannedRow {
  readonly row: ImageListRow;
  /** The image that it is about; `null`: a new one. */
  readonly existing: Image | null;
  /** As the existing image is now. */
  readonly base: ImageDraft | null;
  /** For a new image; `null`: any. */
  readonly id: string | null;
  readonly draft: ImageDraft;
  readonly facts: ReturnType<typeof factsOf>;
  /** `null`: one that is made with it. */
  readonly namespaceId: string | null;
  readonly workspaceId: string;
  /** What is different from the existing image. */
  readonly changed: readonly EditableField[];
}

/**
 * Where the image lies and what the registry had said of it when it was exported.
 *
 * @param isKnownHere what the row says of an existing image's digest, size and layers does not count: this platform has made it,
 *   or asks its own registry
 */
export function factsAfter(
  row: ImageListRow,
  draft: ImageDraft,
  existing: Image | null,
  changed: readonly EditableField[],
  isKnownHere: boolean,
): { readonly facts: PlannedRow['facts']; readonly isChanged: boolean } {
  const isNew = existing === null || changed.includes('reference');
  const facts = isNew ? factsOf(draft, null) : existing;
  const { reference, registryHost, repository } = facts;
  const said = isKnownHere && !isNew ? { digest: undefined, sizeBytes: undefined, layers: undefined } : row;
  const after = {
    reference,
    registryHost,
    repository,
    digest: said.digest === undefined ? facts.digest : said.digest,
    sizeBytes: said.sizeBytes === undefined ? facts.sizeBytes : said.sizeBytes,
    layers: (said.layers === undefined ? facts.layers : said.layers) ?? [],
  };
  const isChanged = (['digest', 'sizeBytes', 'layers'] as const).some(
    (part) => !isDeepStrictEqual(after[part], facts[part]),
  );
  return { facts: after, isChanged: !isNew && isChanged };
}
