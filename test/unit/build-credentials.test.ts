import { describe, expect, it } from 'vitest';
import { buildSecretsOf, registryAuthsOf } from '../../src/build/request/build-credentials.rules.ts';
import { Problems } from '../../src/shared/problems.ts';

const PATH = ['buildConfig', 'list'];
const base64 = (text: string) => Buffer.from(text).toString('base64');
const GOOD = base64('user:test');

function auths(...list: { domain: string; auth: string }[]) {
  const problems = new Problems();
  const map = registryAuthsOf(list, PATH, problems);
  return { map, ...listed(problems) };
}
function secrets(...list: { id: string; value: string }[]) {
  const problems = new Problems();
  const map = buildSecretsOf(list, PATH, problems);
  return { map, ...listed(problems) };
}
function listed(problems: Problems) {
  return {
    found: problems.all.map(({ code, path }) => `${code} ${path.slice(2).join('.')}`),
    told: JSON.stringify(problems.all),
  };
}

describe('credentials of a registry', () => {
  it('are base64 of user:password by the domain, as in the example of S3', () => {
    const domain = 'user-test-registry-vpc.cn-wulanchabu.cr.aliyuncs.com';
    const { map, found } = auths({ domain, auth: 'dXNlcjp0ZXN0' });
    expect([...map]).toEqual([[domain, { username: 'user', password: 'test' }]]);
    expect(found).toEqual([]);
  });

  it('may be left out', () => {
    const problems = new Problems();
    expect(registryAuthsOf(null, PATH, problems).size).toBe(0);
    expect(registryAuthsOf(undefined, PATH, problems).size).toBe(0);
    expect(problems.any).toBe(false);
  });

  it.each([
    ['Registry.Example:5000', 'registry.example:5000'],
    ['localhost', 'localhost'],
    ['localhost:5000', 'localhost:5000'],
    ['[::1]:5000', '[::1]:5000'],
    ['https://registry.example/', 'registry.example'],
    ['https://registry.example/v2/', 'registry.example'],
    ['http://10.0.0.1:5000', '10.0.0.1:5000'],
    ['docker.io', 'docker.io'],
    ['index.docker.io', 'docker.io'],
    ['registry-1.docker.io', 'docker.io'],
    ['https://index.docker.io/v1/', 'docker.io'],
  ])('for %s are those of %s', (domain, host) => {
    const { map, found } = auths({ domain, auth: GOOD });
    expect([[...map.keys()], found]).toEqual([[host], []]);
  });

  it.each([
    ...[
      '',
      'registry',
      'registry.example/team',
      'https://',
      'user:pw@registry.example',
      'registry.example:0',
    ],
    ...[
      'registry.example:99999',
      ' registry.example',
      'registry.example\n',
      'ftp://registry.example',
      'é.example',
    ],
    ...['registry..example', '-a.example', `${'a.'.repeat(200)}example`, 'registry.example?x'],
  ])('are not for %j', (domain) => {
    const { map, found } = auths({ domain, auth: GOOD });
    expect([map.size, found]).toEqual([0, ['PATTERN 0.domain']]);
  });

  it.each([
    ['ordinary', 'user:test', { username: 'user', password: 'test' }],
    ['with colons in the password', 'a:b:c', { username: 'a', password: 'b:c' }],
    ['of any script', '用户:密码\u2028x', { username: '用户', password: '密码\u2028x' }],
    ['with spaces', 'a b: c ', { username: 'a b', password: ' c ' }],
    [
      'with a key file on one line',
      '_json_key:{"a": "b"}',
      { username: '_json_key', password: '{"a": "b"}' },
    ],
  ])('may be %s', (_, text, credentials) => {
    const { map, found } = auths({ domain: 'r.example', auth: base64(text) });
    expect([map.get('r.example'), found]).toEqual([credentials, []]);
  });

  it.each([
    ['empty', ''],
    ['not base64', 'user:secret'],
    ['base64 without its padding', base64('user:secret').replace('=', '')],
    ['base64 of URLs', base64('user:secret>>>').replaceAll('+', '-').replaceAll('/', '_').replace('=', '-')],
    ['on two lines', `${base64('user:secret')}\n`],
    ['base64 with bits to spare', 'dXNlcjpzZWNyZXR='],
    ['without a colon', base64('secret')],
    ['without a user', base64(':secret')],
    ['without a password', base64('secret:')],
    ['ended by a line end', base64('user:secret\n')],
    ['with a NUL', base64('user:secret\0')],
    ['not UTF-8', Buffer.from([0x61, 0x3a, 0xff]).toString('base64')],
    ['as long as a book', base64(`user:${'secret'.repeat(3000)}`)],
  ])('are not %s, and are never quoted', (_, auth) => {
    const { map, found, told } = auths({ domain: 'r.example', auth });
    expect([map.size, found]).toEqual([0, ['REGISTRY_AUTH_INVALID 0.auth']]);
    expect(told).not.toContain('secret');
    if (auth !== '') expect(told).not.toContain(auth.slice(0, 6));
  });

  it('come once for each registry, and all that is wrong is told at once', () => {
    const { found, told } = auths(
      { domain: 'r.example', auth: GOOD },
      { domain: 'https://R.example/', auth: GOOD },
      { domain: 'my secret', auth: 'my secret' },
      { domain: 'docker.io', auth: GOOD },
      { domain: 'index.docker.io', auth: '' },
    );
    expect(found).toEqual([
      'DUPLICATE 1.domain',
      'PATTERN 2.domain',
      'REGISTRY_AUTH_INVALID 2.auth',
      'DUPLICATE 4.domain',
      'REGISTRY_AUTH_INVALID 4.auth',
    ]);
    expect(told).not.toContain('my secret');
  });

  it('are at most 20', () => {
    const list = Array.from({ length: 21 }, (_, index) => ({ domain: `r${index}.example`, auth: GOOD }));
    expect(auths(...list.slice(1)).map.size).toBe(20);
    expect(auths(...list).found).toEqual(['TOO_MANY ']);
  });
});

describe('secrets of a build', () => {
  it('are values by their ids', () => {
    const { map, found } = secrets(
      { id: 'npm-token_1.x', value: 'abc' },
      { id: '0', value: ' \n\0\0\0 ' },
      { id: 'x'.repeat(128), value: 'é'.repeat(250 * 1024) },
    );
    expect(found).toEqual([]);
    expect(map.get('npm-token_1.x')).toBe('abc');
    expect(map.get('0')).toBe(' \n\0\0\0 ');
    expect(map.size).toBe(3);
  });

  it('may be left out', () => {
    expect(buildSecretsOf(null, PATH, new Problems()).size).toBe(0);
    expect(secrets().map.size).toBe(0);
  });

  it.each(['', '.a', '-a', '_a', 'a b', 'a/b', 'a,b', 'a=b', 'é', 'a\n', 'x'.repeat(129)])(
    'are not called %j',
    (id) => expect(secrets({ id, value: 'value' }).found).toEqual(['PATTERN 0.id']),
  );

  it.each([
    ['REQUIRED', ''],
    ['TOO_LONG', 's3cret'.repeat(100_000)],
    ['TOO_LONG', `${'é'.repeat(250 * 1024)}x`],
    ['INVALID', 's3cret\ud800'],
    ['INVALID', 'ab'],
    ['INVALID', ' ab\n'],
  ])('have no value that is %s', (code, value) => {
    const { found, told } = secrets({ id: 'a', value });
    expect(found).toEqual([`${code} 0.value`]);
    expect(told).not.toMatch(/s3cret|éé/);
  });

  it('come once for each id, at most 50, and neither id nor value is ever quoted', () => {
    const { found, told } = secrets(
      { id: 'a', value: 'secret-1' },
      { id: 'a', value: 'secret-2' },
      { id: 's 3', value: '' },
    );
    expect(found).toEqual(['DUPLICATE 1.id', 'PATTERN 2.id', 'REQUIRED 2.value']);
    expect(told).not.toMatch(/secret-1|secret-2|s 3/);
    const list = Array.from({ length: 51 }, (_, index) => ({ id: `s${index}`, value: 'value' }));
    expect(secrets(...list.slice(1)).map.size).toBe(50);
    expect(secrets(...list).found).toEqual(['TOO_MANY ']);
  });
});
