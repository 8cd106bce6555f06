import type { LookupFunction } from 'node:net';
import { expect, it } from 'vitest';
import { createFindPrivateNames } from '../../src/registry/private-names.ts';

const NAMES: Readonly<Record<string, readonly string[]>> = {
  'public.example': ['8.8.8.8', '2606:4700::1'],
  'private.example': ['10.0.0.1'],
  'metadata.example': ['169.254.169.254'],
  'half.example': ['8.8.8.8', '127.0.0.1'],
  'mapped.example': ['::ffff:127.0.0.1'],
  'empty.example': [],
};

const asked: string[] = [];
const lookup: LookupFunction = (name, _, callback) => {
  asked.push(name);
  if (name === 'silent.example') return;
  const addresses = NAMES[name];
  if (addresses === undefined) callback(Object.assign(new Error('no'), { code: 'ESERVFAIL' }), []);
  else
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
};

it('finds the names that have any address which is not public', async () => {
  const names = new Set([...Object.keys(NAMES), 'nowhere.example']);
  const found = await createFindPrivateNames(lookup)(names);
  expect([...found]).toEqual(['private.example', 'metadata.example', 'half.example', 'mapped.example']);
  expect(asked).toEqual([...names]);
});

it('does not wait for a name server that says nothing, and keeps what the others say', async () => {
  const found = await createFindPrivateNames(lookup, 20)(new Set(['silent.example', 'private.example']));
  expect([...found]).toEqual(['private.example']);
});
