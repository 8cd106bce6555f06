import { describe, expect, it } from 'vitest';
import {
  criteriaOf,
  type ImageFiltering,
  reachesDeleted,
} from '../../src/image/filter/image-filter.rules.ts';
import { NO_SUCH_UID, toGlobalId } from '../../src/shared/global-id.ts';

const UID = '11111111-2222-4333-8444-555555555555';

const nestedIn = (depth: number): ImageFiltering =>
  depth === 1 ? { tag: '1' } : { not: nestedIn(depth - 1) };

describe('a filter', () => {
  it('is none where there is none, and keeps what it says', () => {
    expect(criteriaOf(null)).toEqual({});
    expect(criteriaOf(undefined)).toEqual({});
    expect(criteriaOf({ tag: '1', search: 'GPU', or: [{ group: null }] })).toMatchObject({
      tag: '1',
      search: { term: 'gpu' },
      or: [{ group: null }],
    });
  });

  it('names by ids, wherever they stand; an id of something else names nothing', () => {
    const [workspace, image] = [toGlobalId('Workspace', UID), toGlobalId('Image', UID)];
    expect(criteriaOf({ workspaceId: workspace, and: [{ dependsOn: image }] })).toMatchObject({
      workspaceUid: UID,
      and: [{ dependsOnUid: UID }],
    });
    expect(criteriaOf({ workspaceId: image, dependsOn: workspace })).toMatchObject({
      workspaceUid: NO_SUCH_UID,
      dependsOnUid: NO_SUCH_UID,
    });
  });

  it.each<[ImageFiltering, string[]]>([
    [{ workspaceId: 'x' }, ['filter', 'workspaceId']],
    [{ and: [{}, { dependsOn: '' }] }, ['filter', 'and', '1', 'dependsOn']],
    [{ or: [{ not: { search: 'a\nb' } }] }, ['filter', 'or', '0', 'not', 'search']],
    [{ not: { includeDeleted: true } }, ['filter', 'not', 'includeDeleted']],
  ])('is refused with the path of what is wrong in it: %j', (filter, path) => {
    expect(() => criteriaOf(filter)).toThrow(
      expect.objectContaining({ code: 'BAD_USER_INPUT', details: { path } }),
    );
  });

  it('nests 5 deep', () => {
    expect(() => criteriaOf(nestedIn(5))).not.toThrow();
    expect(() => criteriaOf(nestedIn(6))).toThrow(
      expect.objectContaining({
        code: 'BAD_USER_INPUT',
        details: { path: ['filter'], max: 5, current: 6 },
      }),
    );
  });

  it('has 50 conditions, each label one and each filter at least one', () => {
    const label = { key: 'k' };
    const fifty: ImageFiltering = {
      tag: '1',
      labels: Array.from({ length: 9 }, () => label),
      or: Array.from({ length: 20 }, () => ({})),
      and: [{ not: { and: Array.from({ length: 20 }, () => ({ group: 'g', labels: [] })) } }],
    };
    expect(() => criteriaOf(fifty)).not.toThrow();
    expect(() => criteriaOf({ ...fifty, group: 'g' })).toThrow(
      expect.objectContaining({ details: { path: ['filter'], max: 50, current: 51 } }),
    );
    const endless = { or: Array.from({ length: 200_000 }, () => ({})) };
    expect(() => criteriaOf(endless)).toThrow(
      expect.objectContaining({ details: { path: ['filter'], max: 50, current: 200_000 } }),
    );
  });

  it('leaves deleted images out unless it says that it means them', () => {
    expect(reachesDeleted({})).toBe(false);
    expect(reachesDeleted({ status: ['ACTIVE'], includeDeleted: false })).toBe(false);
    expect(reachesDeleted({ includeDeleted: true })).toBe(true);
    expect(reachesDeleted({ status: ['ACTIVE', 'DELETED'] })).toBe(true);
    expect(reachesDeleted({ or: [{ tag: '1' }, { and: [{ not: { status: ['DELETED'] } }] }] })).toBe(true);
  });
});
