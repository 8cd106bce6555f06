import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineError } from '../../src/engine/container-engine.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import {
  type BuildPayload,
  buildInput,
  finished,
  sendBuild,
  startBuild,
  wholeLog,
} from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { defaultBuild, digestOf, stepEvent } from '../support/fake-engine.ts';
import { codes } from '../support/images.ts';
import { addNotebook, saveNotebook } from '../support/notebooks.ts';

let slipway: TestApp;
beforeAll(async () => {
  slipway = await createTestApp();
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const RETRY = `mutation ($input: RetryImageBuildInput!) {
  retryImageBuild(input: $input) {
    build { id status retryOf { id } target { reference } dockerfile jobName timeoutSeconds }
    reused warnings userErrors { code message path details }
  }
}`;
interface Retry extends BuildPayload {
  readonly build: (BuildPayload['build'] & { readonly retryOf: { readonly id: string } | null }) | null;
}
async function retry(client: ApiClient, input: Record<string, unknown>): Promise<Retry> {
  return (await client.run<{ retryImageBuild: Retry }>(RETRY, { input })).retryImageBuild;
}

/** A build that has failed. */
async function failedBuild(wish: Record<string, unknown> & { name: string }): Promise<string> {
  slipway.engine.onBuild(async function* () {
    yield stepEvent({ number: 1, name: 'RUN false' });
    throw new EngineError('STEP_FAILED', 'Step 1 failed.', { step: 1, exitCode: 1 });
  });
  try {
    const { buildConfig, ...input } = await buildInput(slipway.admin, { name: wish.name });
    const { secrets, registryAuths, dockerfile = 'FROM scratch', ...rest } = wish;
    const config = { ...(buildConfig as object), dockerfile, secrets, registryAuths };
    const { build, userErrors } = await sendBuild(slipway.admin, {
      ...input,
      ...Object.fromEntries(Object.entries(rest).filter(([key]) => key !== 'name')),
      buildConfig: config,
    });
    expect(userErrors).toEqual([]);
    expect(await finished(slipway.admin, build?.id ?? '')).toMatchObject({ status: 'FAILED' });
    return build?.id ?? '';
  } finally {
    slipway.engine.onBuild(null);
  }
}

describe('trying a build once more', () => {
  it('is a new build of the same thing, and each knows of the other', async () => {
    const id = await failedBuild({ name: 'again', jobName: 'nightly', timeoutSeconds: 77 });
    const { build, userErrors } = await retry(slipway.admin, { id });
    expect(userErrors).toEqual([]);
    expect(build).toMatchObject({
      status: 'QUEUED',
      retryOf: { id },
      dockerfile: 'FROM scratch',
      jobName: 'nightly',
      timeoutSeconds: 77,
    });
    expect(await finished(slipway.admin, build?.id ?? '')).toMatchObject({ status: 'SUCCEEDED' });
    const { imageBuild } = await slipway.admin.run<{ imageBuild: unknown }>(
      '($id: ID!) { imageBuild(id: $id) { status retryOf { id } retries { id retries { id } } } }'.replace(
        '(',
        'query (',
      ),
      { id },
    );
    expect(imageBuild).toEqual({
      status: 'FAILED',
      retryOf: null,
      retries: [{ id: build?.id, retries: [] }],
    });
  });

  it('takes a build that has ended, and not with an image', async () => {
    const done = await startBuild(slipway.admin, { dockerfile: 'FROM scratch', name: 'done' });
    await finished(slipway.admin, done.id);
    const { userErrors } = await retry(slipway.admin, { id: done.id });
    expect(codes(userErrors)).toEqual(['NOT_ALLOWED id']);
    expect(userErrors[0]?.message).toBe('the build has succeeded; ask for a new one with buildImage');
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    slipway.engine.onBuild(async function* () {
      await gate;
      yield { kind: 'result', imageId: `sha256:${'1'.repeat(64)}` };
    });
    const running = await startBuild(slipway.admin, { dockerfile: 'FROM scratch', name: 'running' });
    const refused = await retry(slipway.admin, { id: running.id });
    expect(codes(refused.userErrors)).toEqual(['BUILD_NOT_FINISHED id']);
    go();
    await finished(slipway.admin, running.id);
    slipway.engine.onBuild(null);
  });

  it('takes the rights to ask for such a build', async () => {
    const id = await failedBuild({ name: 'rights' });
    const stranger = await slipway.user('retry-stranger');
    expect(codes((await retry(stranger, { id })).userErrors)).toEqual(['NOT_FOUND id']);
    const viewer = await slipway.user('retry-viewer', { namespace: 'VIEWER', workspace: 'DEVELOPER' });
    await expect(retry(viewer, { id })).rejects.toThrow(/DEVELOPER/);
    const developer = await slipway.user('retry-developer', {
      namespace: 'DEVELOPER',
      workspace: 'DEVELOPER',
    });
    expect((await retry(developer, { id })).userErrors).toEqual([]);
  });

  it('is refused where the name was taken meanwhile, at the path id', async () => {
    const id = await failedBuild({ name: 'taken-meanwhile' });
    const other = await startBuild(slipway.admin, { dockerfile: 'FROM scratch', name: 'taken-meanwhile' });
    await finished(slipway.admin, other.id);
    expect(codes((await retry(slipway.admin, { id })).userErrors)).toEqual(['TAG_EXISTS id']);
  });

  it('brings one build for one client token', async () => {
    const id = await failedBuild({ name: 'token' });
    const first = await retry(slipway.admin, { id, clientToken: 'retry-1' });
    const second = await retry(slipway.admin, { id, clientToken: 'retry-1' });
    expect(second).toMatchObject({ reused: true, build: { id: first.build?.id } });
  });
});

describe('a retry passes the rules of now', () => {
  it('also where they have become stricter than when the build was asked for', async () => {
    const id = await failedBuild({ name: 'stricter', timeoutSeconds: 7200, dockerfile: 'FROM python:3.12' });
    await using strict = await createTestApp({
      worker: false,
      database: slipway.database,
      engine: slipway.engine,
      env: {
        SLIPWAY_BASE_HOSTS: 'none',
        SLIPWAY_BUILD_TIMEOUT_SECONDS: '60',
        SLIPWAY_BUILD_MAX_TIMEOUT_SECONDS: '3600',
      },
    });
    const { userErrors } = await retry(strict.admin, { id });
    expect(userErrors.map(({ code, path }) => [code, path])).toEqual([
      ['REGISTRY_NOT_ALLOWED', ['id']],
      ['OUT_OF_RANGE', ['id']],
    ]);
  });

  it('but takes a tag in the registry for its own where the build before it may have pushed it', async () => {
    const image = { sizeBytes: 10, layers: [], architecture: 'amd64', configDigest: digestOf('config') };
    slipway.engine.onPush(async function* () {
      slipway.engine.registry.put('default/pushed-once', 'latest', { ...image, digest: digestOf('pushed') });
      yield { kind: 'progress', pushedBytes: 1, totalBytes: 1 };
      throw new EngineError('PUSH_DENIED', 'The registry broke off.');
    });
    const { id } = await startBuild(slipway.admin, { dockerfile: 'FROM scratch', name: 'pushed-once' });
    expect(await finished(slipway.admin, id)).toMatchObject({ status: 'FAILED' });
    slipway.engine.onPush(null);
    const again = await startBuild(slipway.admin, { dockerfile: 'FROM scratch', name: 'pushed-once' }).catch(
      (error: Error) => error.message,
    );
    expect(again).toContain('TAG_EXISTS');
    const { build, userErrors } = await retry(slipway.admin, { id });
    expect(userErrors).toEqual([]);
    expect(await finished(slipway.admin, build?.id ?? '')).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('and with its client token it is another request than the retry of another build', async () => {
    const [one, other] = [await failedBuild({ name: 'one' }), await failedBuild({ name: 'other' })];
    await retry(slipway.admin, { id: one, clientToken: 'same-token' });
    const { userErrors } = await retry(slipway.admin, { id: other, clientToken: 'same-token' });
    expect(userErrors).toMatchObject([{ code: 'IDEMPOTENCY_CONFLICT', path: ['clientToken'] }]);
  });
});

describe('trying a save once more', () => {
  /** A save that has failed, of a notebook of its own. */
  async function failedSave(client: ApiClient, owner: string, name: string) {
    const notebook = addNotebook(slipway.engine, { owner, name });
    slipway.engine.onCommit(async () => {
      throw new EngineError('DISK_FULL', 'The engine has no space left.');
    });
    try {
      const { build } = await saveNotebook(client, { notebookId: notebook.id, name });
      expect(await finished(client, build?.id ?? '')).toMatchObject({ status: 'FAILED' });
      return { notebook, id: build?.id ?? '' };
    } finally {
      slipway.engine.onCommit(null);
    }
  }
  const ROLES = { namespace: 'DEVELOPER', workspace: 'DEVELOPER' };
  const may = async (client: ApiClient, id: string) =>
    (
      await client.run<{ imageBuild: { viewerPermissions: string[] } }>(
        'query ($id: ID!) { imageBuild(id: $id) { viewerPermissions } }',
        { id },
      )
    ).imageBuild.viewerPermissions;

  it('is for who may see its notebook, and offered to nobody else', async () => {
    const dana = await slipway.user('retry-dana', ROLES);
    const colleague = await slipway.user('retry-colleague', ROLES);
    const owner = await slipway.user('retry-owner', { namespace: 'DEVELOPER', workspace: 'OWNER' });
    const { id, notebook } = await failedSave(dana, 'retry-dana', 'offered');
    slipway.engine.changeContainer(notebook.container.id, {
      labels: { ...notebook.container.labels, 'slipway.workspace': 'default' },
    });
    expect(await may(dana, id)).toEqual(['READ', 'RETRY']);
    expect(await may(owner, id)).toEqual(['READ', 'RETRY']);
    expect(await may(slipway.admin, id)).toEqual(['READ', 'RETRY']);
    expect(await may(colleague, id)).toEqual(['READ']);
    expect(codes((await retry(colleague, { id })).userErrors)).toEqual(['NOT_FOUND id']);
    slipway.engine.removeContainer(notebook.container.id);
    expect(await may(dana, id)).toEqual(['READ']);
  });

  it('is not offered while the engine does not answer, and a build of a Dockerfile still is', async () => {
    const { id } = await failedSave(slipway.admin, 'admin', 'engine-away');
    const other = await failedBuild({ name: 'engine-away-too' });
    slipway.engine.setAvailable(false);
    try {
      expect(await may(slipway.admin, id)).toEqual(['READ']);
      expect(await may(slipway.admin, other)).toEqual(['READ', 'RETRY']);
    } finally {
      slipway.engine.setAvailable(true);
    }
  });

  it('asks the engine only where that is asked for', async () => {
    const { id } = await failedSave(slipway.admin, 'admin', 'unasked');
    const questions: string[] = [];
    slipway.engine.onQuestion(async (question) => void questions.push(question));
    await slipway.admin.run('query ($id: ID!) { imageBuild(id: $id) { status notebook { name } } }', { id });
    expect(questions).toEqual([]);
    await may(slipway.admin, id);
    expect(questions).toContain('containers');
    slipway.engine.onQuestion(null);
  });

  it('says how a new one is asked for, where this one cannot be had', async () => {
    const notebook = addNotebook(slipway.engine, { owner: 'admin', name: 'done' });
    const { build } = await saveNotebook(slipway.admin, { notebookId: notebook.id, name: 'saved-and-done' });
    await finished(slipway.admin, build?.id ?? '');
    const [done] = (await retry(slipway.admin, { id: build?.id })).userErrors;
    expect(done?.message).toBe('the build has succeeded; ask for a new one with saveImageFromNotebook');
    const { id } = await failedSave(slipway.admin, 'admin', 'moved');
    await slipway.database.query(
      "update image_build set target_reference = 'elsewhere.test/default/moved:latest' where target_name = 'moved'",
    );
    const [moved] = (await retry(slipway.admin, { id })).userErrors;
    expect(moved).toMatchObject({ code: 'REGISTRY_NOT_ALLOWED', path: ['id'] });
    expect(moved?.message).toMatch(/ask for a new build with saveImageFromNotebook$/);
  });
});

describe('the secrets of a build', () => {
  const auth = Buffer.from('robot:hunter2-password').toString('base64');
  const secrets = [{ id: 'npm', value: 'hunter2-token' }];
  const registryAuths = [{ domain: 'private.example', auth }];

  it('reach the engine, are masked in the log, stand nowhere in clear text, and are gone at the end', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    slipway.engine.onBuild(async function* (request) {
      // Builds of other tests may still wait.
      if (!('npm' in request.secrets)) return yield* defaultBuild(request);
      yield { kind: 'log', step: 1, stream: 'STDOUT', data: Buffer.from('token: hunter2'), at: new Date() };
      await gate;
      yield { kind: 'log', step: 1, stream: 'STDOUT', data: Buffer.from('-token!\n'), at: new Date() };
      throw new EngineError('STEP_FAILED', 'echo hunter2-token failed', { step: 1 });
    });
    const input = await buildInput(slipway.admin, { name: 'secret' });
    const buildConfig = { ...(input['buildConfig'] as object), secrets, registryAuths };
    const { build } = await sendBuild(slipway.admin, { ...input, buildConfig, clientToken: 'with-secrets' });
    const id = build?.id ?? '';
    await expect
      .poll(() => slipway.engine.builds.at(-1))
      .toMatchObject({
        secrets: { npm: 'hunter2-token' },
        registryAuths: { 'private.example': { username: 'robot', password: 'hunter2-password' } },
      });
    const kept = await slipway.database.query('select * from image_build_secret');
    expect(kept).toHaveLength(2);
    await expectNowhere(['hunter2', auth]);
    go();
    const end = await finished(slipway.admin, id);
    expect(end.failure?.message).toBe('echo *** failed');
    const log = (await wholeLog(slipway.admin, id)).map(({ text }) => text).join('\n');
    expect(log).toContain('token: ***!');
    expect(log).not.toContain('hunter2');
    expect(await slipway.database.query('select * from image_build_secret')).toEqual([]);
    await expectNowhere(['hunter2', auth]);
    slipway.engine.onBuild(null);
  });

  it('have to be sent again with a retry', async () => {
    const id = await failedBuild({ name: 'resend', secrets, registryAuths });
    const without = await retry(slipway.admin, { id });
    expect(without.userErrors.map(({ code, path }) => [code, path])).toEqual([
      ['REQUIRED', ['secrets']],
      ['REQUIRED', ['registryAuths']],
    ]);
    expect(without.userErrors.map(({ details }) => details)).toEqual([
      { missing: ['npm'] },
      { missing: ['private.example'] },
    ]);
    const { build, userErrors } = await retry(slipway.admin, { id, secrets, registryAuths });
    expect(userErrors).toEqual([]);
    expect(await finished(slipway.admin, build?.id ?? '')).toMatchObject({ status: 'SUCCEEDED' });
    expect(slipway.engine.builds.at(-1)?.secrets).toEqual({ npm: 'hunter2-token' });
  });

  /** In no row of any table, as text or as bytes. */
  async function expectNowhere(texts: readonly string[]): Promise<void> {
    const tables = await slipway.database.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'pgboss')`,
    );
    for (const { name } of tables) {
      const [found] = await slipway.database.query<{ text: string | null }>(
        `select string_agg(t::text, ' ') as text from ${name} t`,
      );
      for (const text of texts) {
        expect(found?.text ?? '', name).not.toContain(text);
        expect(found?.text ?? '', name).not.toContain(Buffer.from(text).toString('hex'));
      }
    }
  }
});
