import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineError } from '../../src/engine/container-engine.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { beginOf, buildInput, finished, followStatus, logEvents, sendBuild } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { logEvent, stepEvent } from '../support/fake-engine.ts';

const SECRET = 'hunter2-Correct/Horse+Battery=Staple';
const PASSWORD = 'registry-Password-9f8e7d6c5b4a';
const ARGUMENT = 'argument-Value-0a1b2c3d4e5f';
const SECRETS = [SECRET, PASSWORD, ARGUMENT];
/** A secret and what shows it to everybody who can decode it. */
const formsOf = (secret: string) => [secret, btoa(secret).replace(/=+$/, ''), encodeURIComponent(secret)];

let slipway: TestApp;
let dana: ApiClient;
let log = '';

beforeAll(async () => {
  const sink = new Writable({
    write(line: Buffer, _encoding, done) {
      log += line.toString();
      done();
    },
  });
  slipway = await createTestApp({ log: pino({ level: 'debug' }, sink) });
  dana = await slipway.user('dana', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

/** Builds what prints these chunks, and gives the build's id and all that was ever said about it. */
async function build(chunks: readonly string[], failure: string | null = null) {
  slipway.engine.onBuild(async function* () {
    yield stepEvent({ number: 1, name: `RUN echo ${ARGUMENT}` });
    for (const chunk of chunks) yield logEvent(1, chunk);
    if (failure !== null) throw new EngineError('STEP_FAILED', failure, { step: 1, exitCode: 1 });
    yield { kind: 'result', imageId: 'sha256:1' };
  });
  const input = await buildInput(dana, { name: `secret-${randomUUID().slice(0, 8)}` });
  const asked = await sendBuild(dana, {
    ...input,
    buildConfig: {
      dockerfile: 'FROM scratch\nARG DB_PASSWORD\nRUN --mount=type=secret,id=token x\n',
      secrets: [{ id: 'token', value: SECRET }],
      registryAuths: [{ domain: 'private.example', auth: btoa(`robot:${PASSWORD}`) }],
      buildArgs: [{ name: 'DB_PASSWORD', value: ARGUMENT }],
    },
  });
  expect(asked.userErrors).toEqual([]);
  const id = asked.build?.id ?? '';
  const ended = await finished(dana, id);
  const events: unknown[] = await followStatus(dana, id);
  for await (const event of logEvents(dana, id)) events.push(event);
  const { imageBuild } = await dana.run<{ imageBuild: { logUrl: string } }>(
    `query ($id: ID!) { imageBuild(id: $id) { logUrl dockerfile steps { name error } failure { message }
       logs(first: 100) { nodes { text } } } }`,
    { id },
  );
  const download = async (form: string) =>
    await (
      await fetch(`${slipway.url}${imageBuild.logUrl}?form=${form}`, {
        headers: { authorization: `Bearer ${dana.token}` },
      })
    ).text();
  const text = await download('text');
  const said = JSON.stringify([asked, ended, events, imageBuild, text, await download('raw')]);
  return { asked, ended, text, said };
}

describe('a secret that a step prints is masked', () => {
  it.each<[string, string[], string]>([
    ['on a line', [`the token is ${SECRET}\n`], 'the token is ***\n'],
    ['in two chunks', [`the token is ${SECRET.slice(0, 9)}`, `${SECRET.slice(9)}\n`], 'the token is ***\n'],
    ['byte by byte', [...`<${SECRET}>\n`], '<***>\n'],
    ['without a line end', [SECRET], '***\n'],
    ['as base64', [`${btoa(SECRET)}\n`], '***\n'],
    ['as base64 behind a user', [`${btoa(`robot:${PASSWORD}`)}\n`], 'cm9ib3Q6***\n'],
    ['of a registry', [`login ${PASSWORD}\n`], 'login ***\n'],
    ['as a build argument that is named like one', [`${ARGUMENT}\n`], '***\n'],
  ])('%s', async (_, chunks, expected) => {
    const { text, said } = await build(chunks);
    // Around it stands what the worker does.
    expect(text.split('Pushing')[0]).toBe(`${beginOf(1)}\n${expected}`);
    for (const secret of [SECRET, PASSWORD])
      for (const form of formsOf(secret)) expect(said).not.toContain(form);
  });

  it('in what the engine says of a failure', async () => {
    const { ended, said } = await build(
      [],
      `The command "curl -u robot:${PASSWORD} -H ${SECRET}" returned 1`,
    );
    expect(ended.failure?.message).toBe('The command "curl -u robot:*** -H ***" returned 1');
    expect(ended.steps[0]?.name).toBe('RUN echo ***');
    for (const secret of [SECRET, PASSWORD]) expect(said).not.toContain(secret);
  });
});

it('a secret in a build argument is a warning, and the advice where it belongs', async () => {
  const { asked } = await build(['x\n']);
  expect(asked.warnings).toContainEqual(
    expect.stringMatching(/DB_PASSWORD looks like a secret.*send it in secrets/),
  );
  expect(asked.warnings.join()).not.toContain(ARGUMENT);
});

it.each([
  ['a value that is too long', { secrets: [{ id: 'x', value: SECRET.repeat(30_000) }] }],
  ['an id that is none', { secrets: [{ id: 'a b', value: SECRET }] }],
  [
    'one id twice',
    {
      secrets: [
        { id: 'x', value: SECRET },
        { id: 'x', value: SECRET },
      ],
    },
  ],
  [
    'a login that is no base64',
    { registryAuths: [{ domain: 'private.example', auth: `robot:${PASSWORD}` }] },
  ],
  ['a host that is none', { registryAuths: [{ domain: 'a b', auth: btoa(`robot:${PASSWORD}`) }] }],
  ['a value of the wrong type', { secrets: [{ id: 'x', value: [SECRET] }] }],
  ['a field that there is not', { secrets: [{ id: 'x', text: SECRET }] }],
])('a refusal quotes no secret: %s', async (_, buildConfig) => {
  const input = await buildInput(dana, { name: 'refused' });
  const answer = await dana.ask(
    'mutation ($input: BuildImageInput!) { buildImage(input: $input) { build { id } userErrors { code message path details } } }',
    { input: { ...input, buildConfig: { dockerfile: 'FROM scratch', ...buildConfig } } },
  );
  const text = JSON.stringify(answer);
  expect(text).toMatch(/"code":"[A-Z_]+"/);
  for (const secret of [SECRET, PASSWORD])
    for (const form of formsOf(secret)) expect(text).not.toContain(form);
});

it.each<[string, string, Record<string, unknown>]>([
  [
    'an input without what it needs',
    '($i: BuildImageInput!) { buildImage(input: $i)',
    { i: { name: 'a', secrets: { id: 'A', value: SECRET } } },
  ],
  [
    'a list of secrets',
    '($s: [BuildSecretInput!]!) { buildImage(input: { name: "a", secrets: $s })',
    { s: [{ id: 'A', value: SECRET, extra: 1 }] },
  ],
  [
    'a text for the secrets',
    '($i: BuildImageInput!) { buildImage(input: $i)',
    { i: { name: 'a', secrets: [SECRET] } },
  ],
  ['a text of its own', '($v: String!) { createNamespace(input: { name: $v })', { v: [SECRET] }],
  [
    'a number in the document',
    `{ createNamespace(input: { name: ${[...SECRET].map((c) => c.charCodeAt(0)).join('')} })`,
    {},
  ],
  ['a text in the document where none belongs', `{ createNamespace(input: "${SECRET}")`, {}],
  ['a text in the document that cannot be read', `{ createNamespace(input "${SECRET}")`, {}],
])('neither does what GraphQL says: %s', async (_, operation, variables) => {
  const { errors = [] } = await dana.ask(`mutation ${operation} { userErrors { code } } }`, variables);
  expect(errors.length).toBeGreaterThan(0);
  const text = JSON.stringify(errors);
  for (const form of [...formsOf(SECRET), [...SECRET].map((c) => c.charCodeAt(0)).join('')])
    expect(text).not.toContain(form);
});

describe('after all that, no secret is in clear', () => {
  const tokens = () => [slipway.admin.token, dana.token];

  it('in any row of any table', async () => {
    const tables = await slipway.database.query<{ name: string }>(
      `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
        where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`,
    );
    expect(tables.length).toBeGreaterThan(15);
    // What a build argument holds can be read in the image's history, so it is kept as it is; hence the warning.
    const kept = [SECRET, PASSWORD, ...tokens()];
    for (const { name } of tables) {
      for (const form of kept.flatMap(formsOf)) {
        const found = await slipway.database.query(
          `select 1 from ${name} t where strpos(t::text, $1) > 0 limit 1`,
          [form],
        );
        expect(found, `${name} holds a secret`).toEqual([]);
      }
    }
  });

  it('in the log of the server', () => {
    expect(log).not.toBe('');
    for (const form of [...SECRETS, ...tokens()].flatMap(formsOf)) expect(log).not.toContain(form);
  });

  it('in the arguments or the environment of any process', () => {
    const said = readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .flatMap((pid) => ['cmdline', 'environ'].map((file) => `/proc/${pid}/${file}`))
      .map((path) => {
        try {
          return readFileSync(path, 'utf8');
        } catch {
          return ''; // It ended meanwhile.
        }
      });
    for (const secret of [...SECRETS, ...tokens()])
      expect(said.some((text) => text.includes(secret))).toBe(false);
  });
});
