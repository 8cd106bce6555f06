import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { type BuildPayload, buildInput, sendBuild } from '../support/builds.ts';

describe('a client token', () => {
  let first: TestApp;
  let second: TestApp;
  beforeAll(async () => {
    first = await createTestApp({ worker: false });
    second = await createTestApp({ worker: false, database: first.database, engine: first.engine });
  });
  afterAll(async () => {
    await second[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
  });

  it('brings one build for 50 equal requests at once on two API processes', async () => {
    const input = { ...(await buildInput(first.admin, { name: 'once' })), clientToken: randomUUID() };
    const answers = await Promise.all(
      Array.from(
        { length: 50 },
        async (_, i) => await sendBuild((i % 2 === 0 ? first : second).admin, input),
      ),
    );
    expect(answers.flatMap(({ userErrors }) => userErrors)).toEqual([]);
    expect(new Set(answers.map(({ build }) => build?.id)).size).toBe(1);
    expect(answers.filter(({ reused }) => !reused)).toHaveLength(1);
    const { imageBuilds } = await first.admin.run<{ imageBuilds: { totalCount: number } }>(
      '{ imageBuilds { totalCount } }',
    );
    expect(imageBuilds.totalCount).toBe(1);
  });

  it('brings the build even where there is no room for another one, and after it has ended', async () => {
    const input = { ...(await buildInput(first.admin, { name: 'room' })), clientToken: 'ci-job-4711' };
    const { build } = await sendBuild(first.admin, input);
    const setLimit = async (concurrentBuilds: number | null) =>
      await first.admin.run(
        `mutation ($id: ID!, $n: SafeInt) { updateWorkspace(input: { id: $id, quota: { concurrentBuilds: $n } }) { userErrors { message } } }`,
        { id: (await buildInput(first.admin, {}))['workspaceId'], n: concurrentBuilds },
      );
    await setLimit(1);
    expect(await sendBuild(first.admin, input)).toMatchObject({
      reused: true,
      build: { id: build?.id },
      userErrors: [],
    });
    await setLimit(null);
    await first.admin.run(
      `mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { build { status } } }`,
      {
        id: build?.id,
      },
    );
    expect(await sendBuild(second.admin, input)).toMatchObject({
      reused: true,
      build: { id: build?.id, status: 'CANCELED' },
    });
  });

  it('is refused with another input, whatever the order of the keys is', async () => {
    const input = await buildInput(first.admin, { name: 'conflict' });
    const clientToken = randomUUID();
    const { build } = await sendBuild(first.admin, { ...input, clientToken });
    const reversed = Object.fromEntries(Object.entries({ ...input, clientToken }).reverse());
    expect(await sendBuild(first.admin, { ...reversed, jobName: null })).toMatchObject({ reused: true });
    const other = await sendBuild(first.admin, { ...input, clientToken, jobName: 'another' });
    expect(other).toMatchObject({
      build: null,
      userErrors: [{ code: 'IDEMPOTENCY_CONFLICT', path: ['clientToken'], details: { buildId: build?.id } }],
    });
  });

  it('takes a field that is null, absent, or what is taken where it is absent, for the same', async () => {
    const input = { ...(await buildInput(first.admin, { name: 'same' })), clientToken: randomUUID() };
    await sendBuild(first.admin, input);
    const others = [
      { overwriteTag: null },
      { overwriteTag: false, priority: null },
      { visibility: 'PRIVATE' },
    ];
    for (const other of others) {
      expect(await sendBuild(first.admin, { ...input, ...other })).toMatchObject({ reused: true });
    }
  });

  it('that is malformed is told of beside everything else', async () => {
    const input = await buildInput(first.admin, { name: 'malformed' });
    const { userErrors } = await sendBuild(first.admin, { ...input, clientToken: 'a b', timeoutSeconds: 0 });
    expect(userErrors.map(({ code }) => code)).toEqual(['PATTERN', 'OUT_OF_RANGE']);
  });

  it("is each user's own", async () => {
    const user = await first.user('tokens', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
    const clientToken = randomUUID();
    const mine = await sendBuild(user, { ...(await buildInput(user, { name: 'mine' })), clientToken });
    const theirs = await sendBuild(first.admin, {
      ...(await buildInput(user, { name: 'theirs' })),
      clientToken,
    });
    expect(theirs).toMatchObject({ reused: false, userErrors: [] });
    expect(theirs.build?.id).not.toBe(mine.build?.id);
  });

  it('is not used up by a request that was refused or that only checks', async () => {
    const input = await buildInput(first.admin, { name: 'later' });
    const clientToken = randomUUID();
    const refused = await sendBuild(first.admin, { ...input, clientToken, timeoutSeconds: 0 });
    expect(refused.userErrors).toMatchObject([{ code: 'OUT_OF_RANGE' }]);
    expect(await sendBuild(first.admin, { ...input, clientToken, validateOnly: true })).toMatchObject({
      build: null,
    });
    expect(await sendBuild(first.admin, { ...input, clientToken })).toMatchObject({
      reused: false,
      userErrors: [],
    });
  });

  it('is forgotten after 24 hours', async () => {
    const input = { ...(await buildInput(first.admin, { name: 'old' })), clientToken: randomUUID() };
    const { build } = await sendBuild(first.admin, input);
    await first.database.query(
      `update image_build_token set created_at = now() - interval '24 hours 1 second' where token = '${String(input.clientToken)}'`,
    );
    const again = await sendBuild(first.admin, input);
    expect(again).toMatchObject({ reused: false, userErrors: [] });
    expect(again.build?.id).not.toBe(build?.id);
    expect(await sendBuild(first.admin, input)).toMatchObject({
      reused: true,
      build: { id: again.build?.id },
    });
  });

  it.each(['', ' ', 'a b', 'ключ', 'x'.repeat(129)])('cannot be %j', async (clientToken) => {
    const answer: BuildPayload = await sendBuild(first.admin, {
      ...(await buildInput(first.admin, {})),
      clientToken,
    });
    expect(answer.userErrors).toMatchObject([{ code: 'PATTERN', path: ['clientToken'] }]);
  });
});
