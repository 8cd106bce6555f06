import { describe, expect, it } from 'vitest';
import { basesByName, hostProblems } from '../../src/build/dockerfile/dockerfile-host.rules.ts';

const OWN = '127.0.0.1:5000';
const places = (text: string, args: Record<string, string> = {}, allowed: string[] = [], own = OWN) =>
  hostProblems(text, args, { own, publicHosts: true, hosts: allowed }).map(({ code, line, column }) => [
    code,
    line,
    column,
  ]);

describe('a base in a registry that is not on the public internet', () => {
  it.each([
    '169.254.169.254',
    '127.0.0.1:5001',
    '127.1:5001',
    '[::1]',
    '[::1]:5001',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]:5001',
    '[fd00::1]:5001',
    '[fe80::1]',
    '0x7f000001:5001',
    '0x7f.1',
    '0177.0.0.1',
    '2130706433:5001',
    '10.0.0.1',
    '172.16.0.1:443',
    '192.168.1.1',
    '100.64.0.1',
    '0.0.0.0:5001',
    '999.1.1.1',
    '1.2.3.4.5',
    'localhost',
    'LOCALHOST:5001',
    'registry:5001',
    'Registry',
    'a.localhost',
    'registry.local',
    'metadata.google.internal',
    'registry.home.arpa:5001',
    'registry.default.svc:5000',
    'registry.default.svc.cluster.local:5000',
    'registry.service.consul',
  ])('is refused: %s', (host) => {
    expect(places(`FROM ${host}/x`)).toEqual(
      // A reference takes no IPv4 address in IPv6: that is BASE_INVALID.
      host.includes('ffff:127') ? [] : [['REGISTRY_NOT_ALLOWED', 1, 6]],
    );
  });

  it.each([
    'a',
    'team/a',
    '0x7f000001/x',
    'docker.io/library/a',
    'quay.io/a/b',
    'registry.example.org:5000/a',
    '8.8.8.8/a',
    '[2606:4700::1]:5000/a',
    '127.0.0.1:5000/a',
    'localhost:5000/a',
    '[::1]:5000/a',
  ])('is not: %s', (reference) => {
    expect(places(`FROM ${reference}`)).toEqual([]);
  });

  it('is refused wherever it stands, with its place', () => {
    const text = [
      `ARG R=127.0.0.1:5001`,
      `ARG E`,
      `from \\`,
      `  # which one`,
      `  \${R}/x AS a`,
      `FROM \${E:-localhost}/y`,
      'COPY --from=10.0.0.1/z / /',
      'RUN --mount=type=bind,from=10.0.0.2/z,target=/x ls',
      'ONBUILD copy --from=10.0.0.3/z / /',
      'RUN <<E',
      'FROM 10.0.0.4/z',
      'E',
      `FROM \${TARGETARCH}.localhost/x`,
    ].join('\n');
    const refused = (line: number, column: number) => ['REGISTRY_NOT_ALLOWED', line, column];
    const others = [refused(7, 13), refused(8, 28), refused(9, 21), refused(13, 6)];
    expect(places(text)).toEqual([refused(5, 3), refused(6, 6), ...others]);
    expect(places(text, { R: 'quay.io', E: 'quay.io' })).toEqual(others);
    expect(places('ARG R=quay.io\nFROM $R/x', { R: '10.0.0.1' })).toEqual([refused(2, 6)]);
  });

  it('passes where the operator allows it, with its port only', () => {
    expect(places('FROM 10.0.0.1:5001/x', {}, ['10.0.0.1:5001'])).toEqual([]);
    expect(places('FROM 10.0.0.1:05001/x', {}, ['10.0.0.1:5001'])).toEqual([]);
    expect(places('FROM 10.0.0.1:5002/x', {}, ['10.0.0.1:5001'])).toHaveLength(1);
    expect(places('FROM registry.internal:5000/x', {}, [], 'registry.internal:5000')).toEqual([]);
  });
});

it('allows only the hosts that the operator names, where those are all', () => {
  const codesOf = (text: string, hosts: string[]) =>
    hostProblems(text, {}, { own: OWN, publicHosts: false, hosts }).map(({ code }) => code);
  expect(codesOf('FROM python:3.12', [])).toEqual(['REGISTRY_NOT_ALLOWED']);
  expect(codesOf('FROM python:3.12', ['docker.io'])).toEqual([]);
  expect(codesOf('FROM mirror.example/python\nCOPY --from=quay.io/x /a /b', ['mirror.example'])).toEqual([
    'REGISTRY_NOT_ALLOWED',
  ]);
  expect(codesOf(`FROM ${OWN}/slipway/base`, [])).toEqual([]);
  expect(codesOf('FROM scratch', [])).toEqual([]);
});

it('tells the names that a name server has to be asked for, each once, with the places of its bases', () => {
  const text = [
    'FROM quay.io/a AS one',
    'FROM Quay.io:5000/b',
    'COPY --from=one / /',
    'FROM python:3.12',
    'FROM index.docker.io/library/python',
    'FROM 8.8.8.8/x',
    'FROM 10.0.0.1/x',
    `FROM ${OWN}/x`,
    'FROM mirror.example/x',
    `FROM \${TARGETARCH}.example/x`,
  ].join('\n');
  const names = (publicHosts: boolean) =>
    [...basesByName(text, {}, { own: OWN, publicHosts, hosts: ['mirror.example'] })].map(([name, bases]) => [
      name,
      bases.map(({ host, range }) => [host, range.line, range.column]),
    ]);
  expect(names(true)).toEqual([
    [
      'quay.io',
      [
        ['quay.io', 1, 6],
        ['Quay.io:5000', 2, 6],
      ],
    ],
    ['amd64.example', [['amd64.example', 10, 6]]],
    ['arm64.example', [['arm64.example', 10, 6]]],
  ]);
  expect(names(false)).toEqual([]);
});

it('refuses more registries than any real build takes from', () => {
  const text = (count: number) => Array.from({ length: count }, (_, i) => `FROM r${i}.example/x`).join('\n');
  expect(places(text(50))).toEqual([]);
  expect(places(text(51))).toEqual([['TOO_MANY_REGISTRIES', 51, 6]]);
});
