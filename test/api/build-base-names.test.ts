import type { LookupFunction } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { EngineError } from '../../src/engine/container-engine.ts';
import { createFindPrivateNames } from '../../src/registry/private-names.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import {
  type BuildPayload,
  buildInput,
  finished,
  requestBuild,
  sendBuild,
  startBuild,
} from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { stepEvent } from '../support/fake-engine.ts';

const ADDRESSES: Record<string, string> = {
  '169.254.169.254.nip.example': '169.254.169.254',
  'inside.example': '10.0.0.1',
  'mirror.example': '10.0.0.2',
  'outside.example': '8.8.8.8',
};
let asked: string[] = [];
const lookup: LookupFunction = (name, _, callback) => {
  asked.push(name);
  const address = ADDRESSES[name];
  if (address === undefined) callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), []);
  else callback(null, [{ address, family: 4 }]);
};

let slipway: TestApp;
let user: ApiClient;
beforeAll(async () => {
  slipway = await createTestApp({
    findPrivateNames: createFindPrivateNames(lookup),
    env: { SLIPWAY_BASE_HOSTS: 'public,mirror.example' },
  });
  user = await slipway.user('ann', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
});
beforeEach(() => {
  asked = [];
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

it('a base whose name leads to an address that is not public is refused, with its place', async () => {
  const dockerfile = [
    'FROM outside.example/a AS one',
    'FROM 169.254.169.254.nip.example/x',
    'COPY --from=inside.example:5000/b / /',
    'COPY --from=Inside.example/c / /',
  ].join('\n');
  for (const client of [user, slipway.admin]) {
    asked = [];
    const { userErrors } = await requestBuild(client, { dockerfile });
    const refusal = (line: number, column: number, host: string, end: number) => ({
      code: 'REGISTRY_NOT_ALLOWED',
      path: ['buildConfig', 'dockerfile'],
      message: `line ${line}: "${host}" is not a registry on the public internet; name one that is, or have the operator allow it`,
      details: { line, column, endLine: line, endColumn: end, rule: 'REGISTRY_NOT_ALLOWED' },
    });
    expect(userErrors).toEqual([
      refusal(2, 6, '169.254.169.254.nip.example', 35),
      refusal(3, 13, 'inside.example:5000', 34),
      refusal(4, 13, 'Inside.example', 29),
    ]);
    expect(asked).toEqual(['outside.example', '169.254.169.254.nip.example', 'inside.example']);
  }
});

it('a base for a list of packages is refused likewise', async () => {
  const input = await buildInput(user, {});
  const buildConfig = {
    buildType: 'PACKAGE_INSTALLATION',
    baseImage: 'inside.example/python:3',
    packages: { pip: ['numpy'] },
  };
  const { userErrors } = await sendBuild(user, { ...input, buildConfig });
  expect(userErrors).toMatchObject([{ code: 'REGISTRY_NOT_ALLOWED', path: ['buildConfig', 'baseImage'] }]);
});

it('a name that is not found is left to the engine, and the names that the operator chose are not looked up', async () => {
  const dockerfile = [
    'FROM nowhere.example/a AS one',
    'FROM mirror.example/b AS two',
    'FROM python:3.12 AS three',
    `FROM ${slipway.engine.registry.host}/slipway/base:latest`,
  ].join('\n');
  const { userErrors } = await requestBuild(user, { dockerfile, name: 'left' });
  expect(userErrors).toEqual([]);
  expect(asked).toEqual(['nowhere.example']);
});

it('a build is looked at again when it is tried once more', async () => {
  slipway.engine.onBuild(async function* () {
    yield stepEvent({ number: 1, name: 'RUN false' });
    throw new EngineError('STEP_FAILED', 'Step 1 failed.', { step: 1, exitCode: 1 });
  });
  const { id } = await startBuild(user, { dockerfile: 'FROM moving.example/x', name: 'moving' });
  expect(await finished(user, id)).toMatchObject({ status: 'FAILED' });
  ADDRESSES['moving.example'] = '127.0.0.1';
  const { retryImageBuild } = await user.run<{ retryImageBuild: BuildPayload }>(
    `mutation ($input: RetryImageBuildInput!) {
      retryImageBuild(input: $input) { build { id } userErrors { code path message details } }
    }`,
    { input: { id } },
  );
  expect(retryImageBuild.build).toBeNull();
  expect(retryImageBuild.userErrors).toMatchObject([
    { code: 'REGISTRY_NOT_ALLOWED', path: ['id'], details: { line: 1 } },
  ]);
});
