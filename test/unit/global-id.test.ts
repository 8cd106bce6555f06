import { describe, expect, it } from 'vitest';
import { BadInputError } from '../../src/shared/errors.ts';
import { NODE_TYPES, readGlobalId, toGlobalId, uidOf } from '../../src/shared/global-id.ts';

const UID = '708ca95d-c601-4dc7-86b9-670adfd5e818';

describe('a global id', () => {
  it.each(NODE_TYPES)('of a %s brings back type and UUID', (type) => {
    const id = toGlobalId(type, UID);
    expect(id).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(readGlobalId(id)).toEqual({ type, uid: UID });
    expect(uidOf(type, id)).toBe(UID);
  });

  it('of another type names nothing', () => {
    expect(uidOf('Image', toGlobalId('User', UID))).toBeNull();
  });

  it.each([
    '',
    UID,
    'Image',
    Buffer.from(`Pod:${UID}`).toString('base64url'),
    Buffer.from('Image:').toString('base64url'),
    Buffer.from(`Image:${UID}:`).toString('base64url'),
    Buffer.from(`Image:${UID.toUpperCase()}`).toString('base64url'),
    Buffer.from(`Image:${UID}' or '1'='1`).toString('base64url'),
    Buffer.from('constructor:x').toString('base64url'),
  ])('is not %j', (id) => {
    expect(() => readGlobalId(id, ['input', 'id'])).toThrow(
      expect.objectContaining({ code: 'BAD_USER_INPUT', details: { path: ['input', 'id'] } }),
    );
    expect(() => uidOf('Image', id)).toThrow(BadInputError);
  });
});
