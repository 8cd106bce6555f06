import { expect, it } from 'vitest';
import { credentialsFor, registryConfigHeader } from '../../src/engine/docker/registry-auths.ts';

const pair = { username: 'ada', password: 'hunter2' };

it('credentials are for the host and the port that they were given for', () => {
  const auths = { 'r.example:5000': pair };
  expect(credentialsFor(auths, 'R.example:5000')).toBe(pair);
  for (const other of [
    'r.example',
    'r.example:5001',
    'evil.example:5000',
    'r.example:5000.evil.example',
    '',
  ]) {
    expect(credentialsFor(auths, other)).toBeNull();
  }
  expect(credentialsFor({}, 'constructor')).toBeNull();
});

it.each(['docker.io', 'index.docker.io', 'registry-1.docker.io', 'https://index.docker.io/v1/'])(
  'credentials for Docker Hub are found by the name %s, and are sent under its old one',
  (name) => {
    expect(credentialsFor({ 'docker.io': pair }, name)).toBe(pair);
    const header = registryConfigHeader({ [name]: pair })['X-Registry-Config'] ?? '';
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      'https://index.docker.io/v1/': pair,
    });
    expect(credentialsFor({ [name]: pair }, 'r.example')).toBeNull();
  },
);

it('without credentials there is no header', () => {
  expect(registryConfigHeader({})).toEqual({});
});
