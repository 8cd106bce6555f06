import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigError, ENVIRONMENT_VARIABLES, readConfig } from '../../src/config.ts';

const ROOT = new URL('../../', import.meta.url);

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env, '/project');
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('has a default for everything', () => {
    expect(readConfig({}, '/project')).toEqual({
      http: {
        host: '127.0.0.1',
        port: 4000,
        maxBodyBytes: 33_554_432,
        origins: [],
        trustedProxies: [],
        graphiql: true,
      },
      operations: {
        introspection: true,
        documentsFile: null,
        maxCost: 10_000,
        costPerMinute: 600_000,
        maxSockets: 100,
        maxRunning: 1000,
      },
      oidc: null,
      dataDir: '/project/.slipway/data',
      databaseUrl: null,
      engineEndpoint: null,
      registryHost: null,
      verify: { publicHosts: true, hosts: [] },
      bases: { publicHosts: true, hosts: [] },
      mayInstall: true,
      builder: 'auto',
      build: {
        slots: 2,
        defaultTimeoutMs: 3_600_000,
        maxTimeoutMs: 21_600_000,
        drainMs: 20_000,
        pushSilenceMs: 60_000,
        network: 'default',
        mostMemoryBytes: null,
        mostCpus: null,
        queueTimeoutMs: 86_400_000,
        namespaceSlots: null,
        maxLogBytes: 2 ** 30,
        logRetentionMs: 90 * 86_400_000,
        retentionMs: null,
      },
      save: { maxLayers: 125, maxBytes: null },
      notebookLabels: {
        id: 'slipway.notebook',
        name: 'slipway.notebook.name',
        workspace: 'slipway.workspace',
        owner: 'slipway.owner',
      },
      logLevel: 'warn',
      secrets: { adminToken: null, key: null, registryAuth: null, registryAuths: {} },
    });
  });

  const TOKEN = 'x'.repeat(32);
  const WHOLE = {
    HOST: '0.0.0.0',
    PORT: '0',
    DATABASE_URL: 'postgresql://user:password@db:5432/slipway',
    DOCKER_HOST: 'unix:///run/podman/podman.sock',
    SLIPWAY_DATA_DIR: '/var/lib/slipway',
    SLIPWAY_REGISTRY: 'registry.example:5000',
    SLIPWAY_REGISTRY_AUTH: 'robot:pass:word',
    SLIPWAY_REGISTRY_AUTHS: 'docker.io=ada:pass=word, registry.internal:5000=robot$x:pass:word',
    SLIPWAY_VERIFY_HOSTS: 'public, registry.internal:5000,http://10.0.0.1,[::1]:5000',
    SLIPWAY_BASE_HOSTS: 'mirror.example,10.0.0.1:5000',
    SLIPWAY_INSTALL: 'no',
    SLIPWAY_BUILDER: 'buildkit',
    SLIPWAY_ADMIN_TOKEN: TOKEN,
    OIDC_ISSUER: 'https://login.example/realm',
    OIDC_AUDIENCE: 'slipway',
    OIDC_USERNAME_CLAIM: 'email',
    OIDC_TOKEN_DAYS: '7',
    SLIPWAY_ORIGINS: 'https://platform.example, http://localhost:3000',
    SLIPWAY_TRUSTED_PROXIES: '10.0.0.1,fd00::/8',
    SLIPWAY_GRAPHIQL: 'off',
    SLIPWAY_INTROSPECTION: 'off',
    SLIPWAY_DOCUMENTS: 'documents.json',
    SLIPWAY_MAX_COST: '100',
    SLIPWAY_RATE_LIMIT: '0',
    SLIPWAY_MAX_SOCKETS: '1',
    SLIPWAY_MAX_RUNNING: '7',
    SLIPWAY_LOG_LEVEL: 'silent',
    SLIPWAY_MAX_BODY_BYTES: '1024',
    SLIPWAY_BUILD_SLOTS: '64',
    SLIPWAY_BUILD_TIMEOUT_SECONDS: '1',
    SLIPWAY_BUILD_MAX_TIMEOUT_SECONDS: '82800',
    SLIPWAY_DRAIN_SECONDS: '0',
    SLIPWAY_PUSH_SILENCE_SECONDS: '5',
    SLIPWAY_BUILD_NETWORK: 'builds_1.net',
    SLIPWAY_BUILD_MEMORY_BYTES: '4294967296',
    SLIPWAY_BUILD_CPUS: '2',
    SLIPWAY_QUEUE_TIMEOUT_SECONDS: '60',
    SLIPWAY_NAMESPACE_SLOTS: '3',
    SLIPWAY_MAX_LOG_BYTES: '65536',
    SLIPWAY_LOG_RETENTION_DAYS: '0',
    SLIPWAY_BUILD_RETENTION_DAYS: '365',
    SLIPWAY_MAX_SAVED_LAYERS: '90',
    SLIPWAY_MAX_SAVED_BYTES: '1000000',
    SLIPWAY_SECRET_KEY: '0f'.repeat(32),
    SLIPWAY_NOTEBOOK_LABEL: 'a/b',
    SLIPWAY_NOTEBOOK_NAME_LABEL: 'b.c',
    SLIPWAY_NOTEBOOK_WORKSPACE_LABEL: 'c-d',
    SLIPWAY_NOTEBOOK_OWNER_LABEL: 'd_e',
    SLIPWAY_URL: 'https://slipway.example',
    SLIPWAY_TOKEN: 'somebody',
  };

  it('takes every variable that there is', () => {
    expect(Object.keys(WHOLE).sort()).toEqual(ENVIRONMENT_VARIABLES.toSorted());
    expect(readConfig({ ...WHOLE, HOME: '/root', PATH: '/bin' }, '/project')).toEqual({
      http: {
        host: '0.0.0.0',
        port: 0,
        maxBodyBytes: 1024,
        origins: ['https://platform.example', 'http://localhost:3000'],
        trustedProxies: ['10.0.0.1', 'fd00::/8'],
        graphiql: false,
      },
      operations: {
        introspection: false,
        documentsFile: '/project/documents.json',
        maxCost: 100,
        costPerMinute: null,
        maxSockets: 1,
        maxRunning: 7,
      },
      oidc: {
        issuer: 'https://login.example/realm',
        audience: 'slipway',
        usernameClaim: 'email',
        tokenDays: 7,
      },
      dataDir: '/var/lib/slipway',
      databaseUrl: 'postgresql://user:password@db:5432/slipway',
      engineEndpoint: 'unix:///run/podman/podman.sock',
      registryHost: 'registry.example:5000',
      verify: { publicHosts: true, hosts: ['registry.internal:5000', 'http://10.0.0.1', '[::1]:5000'] },
      bases: { publicHosts: false, hosts: ['mirror.example', '10.0.0.1:5000'] },
      mayInstall: false,
      builder: 'buildkit',
      build: {
        slots: 64,
        defaultTimeoutMs: 1000,
        maxTimeoutMs: 82_800_000,
        drainMs: 0,
        pushSilenceMs: 5000,
        network: 'builds_1.net',
        mostMemoryBytes: 2 ** 32,
        mostCpus: 2,
        queueTimeoutMs: 60_000,
        namespaceSlots: 3,
        maxLogBytes: 65_536,
        logRetentionMs: null,
        retentionMs: 365 * 86_400_000,
      },
      save: { maxLayers: 90, maxBytes: 1_000_000 },
      notebookLabels: { id: 'a/b', name: 'b.c', workspace: 'c-d', owner: 'd_e' },
      logLevel: 'silent',
      secrets: {
        adminToken: TOKEN,
        key: Buffer.alloc(32, 0x0f),
        registryAuth: 'robot:pass:word',
        registryAuths: {
          'docker.io': 'ada:pass=word',
          'registry.internal:5000': 'robot$x:pass:word',
        },
      },
    });
  });

  it('takes an empty variable for one that is not set', () => {
    const empty = Object.fromEntries(ENVIRONMENT_VARIABLES.map((name) => [name, '']));
    expect(readConfig(empty, '/project')).toEqual(readConfig({}, '/project'));
  });

  it.each(["a+b&c%d #e='f'", 'é'])(
    'takes a token with %s in it, and blanks around it for nothing',
    (part) => {
      const token = `${'x'.repeat(20)} ${part} ${'y'.repeat(20)}`;
      expect(readConfig({ SLIPWAY_ADMIN_TOKEN: ` ${token} ` }, '/').secrets.adminToken).toBe(token);
    },
  );

  it.each([
    ['PORT', ['65536', '-1', '4000.5', '0x50', ' 80', 'http']],
    ['DATABASE_URL', ['mysql://db', 'localhost:5432']],
    ['DOCKER_HOST', ['/run/docker.sock', 'unix://', 'unix://run/docker.sock', 'ssh://host', 'tcp://']],
    ['SLIPWAY_REGISTRY', ['https://registry.example', 'registry.example/path', 'registry:port', 'a b']],
    ['SLIPWAY_BASE_HOSTS', ['http://a.io', 'a.io/b', 'none,a.io', 'a b']],
    ['SLIPWAY_SECRET_KEY', ['secret', '0f'.repeat(31), 'xy'.repeat(32)]],
    ['SLIPWAY_REGISTRY_AUTH', ['robot', 'robot:', ':password']],
    ['SLIPWAY_REGISTRY_AUTHS', ['robot:password', 'a.io=robot', 'a.io=robot:', 'a/b=c:d', 'a.io=b:c,d', ',']],
    [
      'SLIPWAY_VERIFY_HOSTS',
      [
        'https://a.io',
        'http://a.io/v2',
        'a.io/b',
        'a.io:x',
        'a.io:65536',
        'none,a.io',
        'public,,a.io',
        'a b',
      ],
    ],
    ['SLIPWAY_INSTALL', ['maybe', 'YES', 'true']],
    ['SLIPWAY_BUILDER', ['kaniko']],
    ['SLIPWAY_ADMIN_TOKEN', ['x'.repeat(31), ` ${'x'.repeat(31)} `, `${TOKEN}\n${TOKEN}`, `${TOKEN}€`]],
    ['OIDC_TOKEN_DAYS', ['0', '36501', '1.5']],
    ['SLIPWAY_ORIGINS', ['https://a.example/', 'a.example', '*', 'null', 'https://a.example/b']],
    ['SLIPWAY_TRUSTED_PROXIES', ['proxy.example', '10.0.0.0/33', '0.0.0.0/0', 'all']],
    ['SLIPWAY_GRAPHIQL', ['no', 'true']],
    ['SLIPWAY_INTROSPECTION', ['ON']],
    ['SLIPWAY_MAX_COST', ['99', '1e4']],
    ['SLIPWAY_RATE_LIMIT', ['-1']],
    ['SLIPWAY_MAX_SOCKETS', ['0']],
    ['SLIPWAY_MAX_RUNNING', ['0']],
    ['SLIPWAY_LOG_LEVEL', ['loud']],
    ['SLIPWAY_MAX_BODY_BYTES', ['1023', '1073741825']],
    ['SLIPWAY_BUILD_SLOTS', ['0', '65', 'two']],
    ['SLIPWAY_BUILD_TIMEOUT_SECONDS', ['0', '86401']],
    ['SLIPWAY_BUILD_MAX_TIMEOUT_SECONDS', ['0', '82801']],
    ['SLIPWAY_DRAIN_SECONDS', ['-1', '3601']],
    ['SLIPWAY_BUILD_NETWORK', ['host', 'container:x', 'ns:/proc/1/ns/net', '-x', 'a b']],
    ['SLIPWAY_BUILD_MEMORY_BYTES', ['-1', '4Gi']],
    ['SLIPWAY_BUILD_CPUS', ['1.5', '1025']],
    ['SLIPWAY_NOTEBOOK_LABEL', ['with space', '.dot', 'a=b']],
    ['SLIPWAY_NOTEBOOK_NAME_LABEL', ['-x']],
    ['SLIPWAY_NOTEBOOK_WORKSPACE_LABEL', ['ü']],
    ['SLIPWAY_NOTEBOOK_OWNER_LABEL', ['a,b']],
  ])('refuses what %s cannot be, and says its name', (name, values) => {
    for (const value of values) {
      expect(problemsOf({ [name]: value }), value).toEqual([expect.stringMatching(`^${name}: must `)]);
    }
  });

  it('tells of all problems at once, misspelt names among them, and shows no secret', () => {
    const problems = problemsOf({
      PORT: 'x',
      SLIPWAY_ADMIN_TOKEN: 'hunter2',
      SLIPWAY_REGISTRY_AUTH: 'hunter2',
      SLIPWAY_REGISTRY_AUTHS: 'registry.test=hunter2',
      SLIPWAY_BULIDER: 'auto',
      SLIPWAY_: '1',
    });
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'PORT',
      'SLIPWAY_REGISTRY_AUTH',
      'SLIPWAY_REGISTRY_AUTHS',
      'SLIPWAY_ADMIN_TOKEN',
      'SLIPWAY_BULIDER',
      'SLIPWAY_',
    ]);
    expect(problems.join()).not.toContain('hunter2');
  });

  it('lets operators close other registries, or open some only', () => {
    const verify = (hosts: string) => readConfig({ SLIPWAY_VERIFY_HOSTS: hosts }, '/').verify;
    expect(verify('none')).toEqual({ publicHosts: false, hosts: [] });
    expect(verify('docker.io,quay.io')).toEqual({ publicHosts: false, hosts: ['docker.io', 'quay.io'] });
  });

  it.each(['login.example', 'ftp://login.example', 'https://a.io/?b', `https://a.io/${'x'.repeat(255)}`])(
    'refuses %s for an issuer',
    (issuer) => {
      const problems = problemsOf({ OIDC_ISSUER: issuer, OIDC_AUDIENCE: 'slipway' });
      expect(problems).toEqual([expect.stringMatching('^OIDC_ISSUER: must ')]);
    },
  );

  it('refuses an issuer without an audience, and an audience without an issuer', () => {
    expect(problemsOf({ OIDC_ISSUER: 'https://login.example' })).toEqual([
      expect.stringMatching('^OIDC_AUDIENCE: must '),
    ]);
    expect(problemsOf({ OIDC_AUDIENCE: 'slipway', PORT: 'x' })).toEqual([
      expect.stringMatching('^PORT: must '),
      expect.stringMatching('^OIDC_ISSUER: must '),
    ]);
  });

  it('serves no page for writing documents where only known ones are executed', () => {
    expect(readConfig({ SLIPWAY_DOCUMENTS: 'documents.json' }, '/').http.graphiql).toBe(false);
  });

  it('refuses a default time limit above the longest one', () => {
    const env = { SLIPWAY_BUILD_TIMEOUT_SECONDS: '7200', SLIPWAY_BUILD_MAX_TIMEOUT_SECONDS: '3600' };
    expect(problemsOf(env)).toEqual([expect.stringMatching('^SLIPWAY_BUILD_TIMEOUT_SECONDS: must ')]);
  });
});

describe('what is written about the variables', () => {
  it('is in .env.example: every one, and no other', () => {
    const text = readFileSync(new URL('.env.example', ROOT), 'utf8');
    const named = [...text.matchAll(/^#?\s?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name);
    expect(named.sort()).toEqual(ENVIRONMENT_VARIABLES.toSorted());
  });

  it('shows the defaults there: the file with all its lines is a configuration', () => {
    const text = readFileSync(new URL('.env.example', ROOT), 'utf8');
    const lines = [...text.matchAll(/^#([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, name, value]) => [name, value]);
    const given = { DATABASE_URL: '', DOCKER_HOST: '', SLIPWAY_REGISTRY: '' };
    expect(readConfig({ ...Object.fromEntries(lines), ...given }, '/project')).toEqual(
      readConfig({}, '/project'),
    );
  });

  it("is in the README's table: every one, and no other", () => {
    const text = readFileSync(new URL('README.md', ROOT), 'utf8');
    const named = [...text.matchAll(/^\| `([A-Z][A-Z0-9_]*)` \|/gm)].map(([, name]) => name);
    expect(named.sort()).toEqual(ENVIRONMENT_VARIABLES.toSorted());
  });
});
