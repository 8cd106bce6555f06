import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkDockerfile } from '../../src/build/dockerfile/dockerfile.rules.ts';

/** Written in the manner of public ones; the archives and folders that they copy are given as files. */
const folder = new URL('../fixtures/dockerfiles/', import.meta.url);
const names = readdirSync(folder);
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const options = {
  files: ['rootfs.tar.xz'],
  registries: { own: '127.0.0.1:5000', publicHosts: true, hosts: [] },
};

describe('a Dockerfile like those that the public builds', () => {
  it.each(names)('passes: %s', (name) => {
    const found = checkDockerfile(read(name), options);
    expect(found.filter(({ severity }) => severity === 'ERROR')).toEqual([]);
  });

  it('is not thought to hold a secret', () => {
    const suspected = names.filter((name) =>
      checkDockerfile(read(name), options).some(({ code }) => code === 'SECRET_IN_ARG_OR_ENV'),
    );
    expect(suspected).toEqual([]);
  });

  it('comes in enough kinds', () => expect(names.length).toBeGreaterThanOrEqual(30));
});
