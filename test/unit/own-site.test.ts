import { describe, expect, it } from 'vitest';
import { isOwnSite } from '../../src/registry/own-site.rules.ts';
import { registryOrigin } from '../../src/registry/registry-origin.rules.ts';

const isOwn = (host: string, realm: string) => isOwnSite(new URL(realm), host, registryOrigin(host) ?? '');

describe("a token service is the registry's own", () => {
  it.each([
    ['at the same place', 'registry.example:5000', 'https://registry.example:5000/token'],
    ['at the same place without HTTPS', '127.0.0.1:5000', 'http://127.0.0.1:5000/token'],
    ['at another port', 'registry.example', 'https://registry.example:8443/token'],
    ['whatever the spelling', 'Registry.Example', 'https://REGISTRY.example/token'],
    ['below it', 'registry.example', 'https://auth.registry.example/token'],
    ['above it', 'registry.gitlab.example', 'https://gitlab.example/jwt/auth'],
    ["on one of Docker Hub's names", 'docker.io', 'https://auth.docker.io/token'],
    ["on one of Docker Hub's names, by another", 'index.docker.io', 'https://auth.docker.io/token'],
  ])('%s', (_, host, realm) => {
    expect(isOwn(host, realm)).toBe(true);
  });
});

describe("a token service is not the registry's own", () => {
  it.each([
    ['elsewhere', 'registry.example', 'https://evil.example/token'],
    ['side by side', 'one.registries.example', 'https://two.registries.example/token'],
    ['under a top-level domain', 'registry.example', 'https://example/token'],
    ['under a name of one part', 'registry', 'https://evil.registry/token'],
    ['ending alike', 'registry.example', 'https://evilregistry.example/token'],
    ['beginning alike', 'registry.example', 'https://registry.example.evil.test/token'],
    ['in what stands before an @', 'registry.example', 'https://registry.example@evil.test/token'],
    ['at another number', '10.0.0.1:5000', 'https://10.0.0.2:5000/token'],
    ['at a name that ends in its number', '8.8.8.8', 'https://a.8.8.8.8.evil.test/token'],
    ['beside Docker Hub', 'docker.io', 'https://docker.io.evil.test/token'],
  ])('%s', (_, host, realm) => {
    expect(isOwn(host, realm)).toBe(false);
  });
});
