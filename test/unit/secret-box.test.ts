import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { SecretBox, UnsealError } from '../../src/shared/secret-box.ts';

const box = new SecretBox(randomBytes(32));

it('opens what it has sealed, and shows nothing of it', () => {
  const sealed = box.seal('пароль 密码', 'build/SECRET/npm');
  expect(box.open(sealed, 'build/SECRET/npm')).toBe('пароль 密码');
  expect(sealed.includes('пароль')).toBe(false);
  expect(box.seal('пароль 密码', 'build/SECRET/npm')).not.toEqual(sealed);
});

it.each([
  ['another key', (sealed: Buffer) => new SecretBox(randomBytes(32)).open(sealed, 'here')],
  ['another place', (sealed: Buffer) => box.open(sealed, 'there')],
  [
    'a changed bit',
    (sealed: Buffer) => box.open(Buffer.from(sealed.map((b, i) => (i === 31 ? b ^ 1 : b))), 'here'),
  ],
  ['a part of it', (sealed: Buffer) => box.open(sealed.subarray(0, 20), 'here')],
  ['nothing', () => box.open(Buffer.alloc(0), 'here')],
  [
    'another version',
    (sealed: Buffer) => box.open(Buffer.concat([Buffer.of(2), sealed.subarray(1)]), 'here'),
  ],
])('does not open with %s', (_, open) => {
  expect(() => open(box.seal('secret', 'here'))).toThrow(UnsealError);
});
