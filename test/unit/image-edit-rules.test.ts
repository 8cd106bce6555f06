import { describe, expect, it } from 'vitest';
import { NO_CONTENT } from '../../src/image/content/image-content.ts';
import type { Image } from '../../src/image/image.entity.ts';
import {
  changedFields,
  draftOf,
  type ImageDraft,
  type ImageEdit,
} from '../../src/image/image-draft.rules.ts';
import {
  changedByLooking,
  checkEditable,
  checkFresh,
  factsOf,
  newImageRow,
  recordEdit,
  saidOf,
} from '../../src/image/image-edit.rules.ts';
import { Problems } from '../../src/shared/problems.ts';
import { codesOf, problemsOf } from '../support/problems.ts';

function draft(base: ImageDraft | null, edit: ImageEdit): { draft: ImageDraft; warnings: string[] } {
  const problems = new Problems();
  const made = draftOf(base, edit, problems);
  expect(problems.all).toEqual([]);
  return made as { draft: ImageDraft; warnings: string[] };
}
const DIGEST = `sha256:${'0'.repeat(64)}`;
const FOUND = {
  digest: DIGEST,
  sizeBytes: 7,
  layers: [],
  architecture: 'arm64',
  architectures: ['arm64'],
  configDigest: DIGEST,
};
const base = draft(null, { reference: 'team/torch:2', displayName: 'Torch' }).draft;
const image = (): Image => ({
  ...newImageRow(base, null, new Date('2024-01-01T00:00:00Z')),
  namespaceId: 'n',
  workspaceId: 'w',
  createdById: null,
});

describe('a draft', () => {
  it('of a new image takes its name from the reference, and what is unsaid from the catalogue', () => {
    expect(base).toMatchObject({
      namespace: 'team',
      name: 'torch',
      tag: '2',
      origin: 'CUSTOMIZE',
      dependencies: [],
    });
    expect(base.content).toEqual({ ...NO_CONTENT, displayName: 'Torch' });
  });

  it('of one that is there keeps its name, whatever the new reference', () => {
    expect(draft(base, { reference: 'r.example/other/thing:9' }).draft).toMatchObject({
      namespace: 'team',
      name: 'torch',
      tag: '2',
      registryHost: 'r.example',
      repository: 'other/thing',
    });
    expect(draft(base, { reference: 'other/thing:9', name: null, tag: '' }).draft).toMatchObject({
      namespace: 'team',
      name: 'thing',
      tag: '9',
    });
  });

  it('shows a text that is no name, and is renamed by it only where it has no name yet', () => {
    const fresh = draft(null, { reference: 'team/torch', name: '火炬' });
    expect(fresh.draft).toMatchObject({ name: 'torch', content: { displayName: '火炬' } });
    expect(fresh.warnings).toHaveLength(1);
    const named = draft(null, { reference: 'team/torch', name: 'own' }).draft;
    expect(draft(named, { name: '火炬' }).draft).toMatchObject({
      name: 'own',
      content: { displayName: '火炬' },
    });
    expect(draft(named, { name: '火炬', displayName: 'Torch' }).draft.content.displayName).toBe('Torch');
  });

  it('is none without a reference, and tells of everything else too', () => {
    const wrong = (edit: ImageEdit) => codesOf((problems) => draftOf(base, edit, problems));
    expect(wrong({ reference: null, price: '-1' })).toEqual(['OUT_OF_RANGE price', 'REQUIRED reference']);
    expect(wrong({ reference: 'Not', dependencies: ['Not'], tag: ',' })).toEqual([
      'REFERENCE_INVALID dependencies.0',
      'REFERENCE_INVALID reference',
      'TAG_NOT_OCI tag',
    ]);
  });

  it('knows in what it differs from another', () => {
    expect(changedFields(base, base)).toEqual([]);
    const other = draft(base, {
      reference: 'team/torch:2',
      tag: '3',
      labels: [{ key: 'a', value: '' }],
      runtime: { args: ['x'] },
      dependencies: ['a/b:1'],
      origin: 'BUILD',
    }).draft;
    expect(changedFields(base, other)).toEqual(['tag', 'origin', 'labels', 'runtime', 'dependencies']);
  });
});

describe('what a registry says', () => {
  it('is kept with the reference, and fills an architecture that nobody has said', () => {
    expect(factsOf(base, FOUND)).toMatchObject({ digest: DIGEST, sizeBytes: 7, layers: [] });
    expect(factsOf(base, null)).toMatchObject({ digest: null, sizeBytes: null, layers: [] });
    expect(saidOf(base, FOUND).architecture).toBe('AARCH64');
    const said = draft(base, { architecture: 'X86_64' }).draft;
    expect(saidOf(said, FOUND).architecture).toBe('X86_64');
    expect(saidOf(base, { ...FOUND, architecture: 'riscv64' }).architecture).toBeNull();
  });

  it('counts as a change where it is another thing than before', () => {
    const facts = factsOf(base, FOUND);
    expect(changedByLooking(image(), saidOf(base, FOUND), facts, [])).toEqual(['reference', 'architecture']);
    expect(changedByLooking(image(), saidOf(base, FOUND), facts, ['reference'])).toEqual(['architecture']);
    const known = { ...image(), ...facts, architecture: 'AARCH64' as const };
    expect(changedByLooking(known, saidOf(base, FOUND), facts, [])).toEqual([]);
    expect(changedByLooking(known, known, {}, [])).toEqual([]);
  });
});

describe('an edit', () => {
  it('counts one up, with a time that is later than the one before', () => {
    const edited = image();
    edited.updatedAt = new Date(Date.now() + 60_000);
    const before = edited.updatedAt.getTime();
    recordEdit(edited, ['description', 'tag']);
    recordEdit(edited, ['tag']);
    expect(edited.version).toBe(3);
    expect(edited.updatedAt.getTime()).toBe(before + 2);
    expect(edited.lastChanges).toEqual({
      description: { version: 2, at: new Date(before + 1).toISOString() },
      tag: { version: 3, at: new Date(before + 2).toISOString() },
    });
  });

  it('is fresh where version and time are those of now, or nobody says any', () => {
    const now = image();
    for (const read of [
      {},
      { expectedVersion: null, ifUpdatedAt: null },
      { expectedVersion: 1, ifUpdatedAt: now.updatedAt },
    ]) {
      expect(codesOf((problems) => checkFresh(now, read, problems))).toEqual([]);
    }
  });

  it('that is not says what has changed since, and that a build has changed it where no edit has', () => {
    const edited = image();
    const readAt = edited.updatedAt;
    edited.updatedAt = new Date(readAt.getTime() + 5);
    const changed = (read: Parameters<typeof checkFresh>[1]) =>
      problemsOf((problems) => checkFresh(edited, read, problems)).map(({ details }) => details?.['changed']);
    expect(changed({ ifUpdatedAt: readAt })).toEqual([['status']]);
    recordEdit(edited, ['tag', 'description']);
    expect(changed({ ifUpdatedAt: readAt, expectedVersion: 1 })).toEqual([
      ['description', 'tag'],
      ['description', 'tag'],
    ]);
    expect(changed({ expectedVersion: 3 })).toEqual([[]]);
    expect(changed({ ifUpdatedAt: new Date(edited.updatedAt.getTime() + 1) })).toEqual([[]]);
  });

  it('of what a build makes leaves its reference, and its name until it is made', () => {
    const wrong = (status: Image['status'], sourceBuildId: string | null) =>
      codesOf((problems) =>
        checkEditable(
          { ...image(), status, sourceBuildId },
          ['reference', 'namespace', 'name', 'tag', 'description', 'workspace'],
          problems,
        ),
      );
    expect(wrong('ACTIVE', null)).toEqual([]);
    expect(wrong('ACTIVE', 'build')).toEqual(['NOT_ALLOWED reference']);
    for (const status of ['INIT', 'CREATING'] as const) {
      expect(wrong(status, 'build')).toEqual([
        'NOT_ALLOWED reference',
        'NOT_ALLOWED namespace',
        'NOT_ALLOWED name',
        'NOT_ALLOWED tag',
      ]);
    }
  });
});
