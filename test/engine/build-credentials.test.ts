import { createHash, randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { describe, expect, inject, it } from 'vitest';
import type { BuildRequest } from '../../src/engine/container-engine.ts';
import { collect, collectUntilError, logBytes } from '../contracts/container-engine.contract.ts';
import { buildRequest, testEngine, uniqueSleep } from '../support/engine.ts';
import { basic, openPasswordRegistry } from '../support/password-registry.ts';

const { engine, docker, registryHost, baseImage } = testEngine();
const basePath = baseImage.slice(registryHost.length);
const build = (request: Partial<BuildRequest> & { dockerfile: string }) =>
  collectUntilError(engine.build(buildRequest(request), {}));

describe.each(['classic', 'buildkit'] as const)('credentials in the %s builder', (builder) => {
  it('are shown to their own registry, and to no other', async () => {
    const pair = { username: 'ada', password: randomUUID() };
    await using own = await openPasswordRegistry(registryHost, pair);
    await using other = await openPasswordRegistry(registryHost, pair);
    const registryAuths = { 'elsewhere.example': { username: 'x', password: 'y' }, [own.host]: pair };

    const good = await build({
      builder,
      registryAuths,
      dockerfile: `FROM ${own.host}${basePath}\nRUN true\n`,
    });
    expect(good.error).toBeNull();
    expect(new Set(own.shown)).toEqual(new Set([basic(pair)]));

    const stray = await build({
      builder,
      registryAuths,
      dockerfile: `FROM ${other.host}${basePath}\nRUN true\n`,
    });
    expect(stray.error).toMatchObject({ reason: 'BASE_IMAGE_NOT_FOUND', step: 1, line: 1 });
    expect(other.requests).toBeGreaterThan(0);
    expect(other.shown).toEqual([]);
  });

  it('are shown neither to another registry in the same Dockerfile', async () => {
    const pair = { username: 'ada', password: randomUUID() };
    await using own = await openPasswordRegistry(registryHost, pair);
    await using other = await openPasswordRegistry(registryHost, pair);
    const dockerfile = `FROM ${own.host}${basePath}\nCOPY --from=${other.host}${basePath} /bin/busybox /b\n`;
    const { error } = await build({ builder, registryAuths: { [own.host]: pair }, dockerfile });
    expect(error).toMatchObject({ reason: 'BASE_IMAGE_NOT_FOUND', step: 2, line: 2 });
    expect(other.requests).toBeGreaterThan(0);
    expect(other.shown).toEqual([]);
  });
});

describe('a secret', () => {
  const md5 = (text: string) => createHash('md5').update(text).digest('hex');

  it('is in its step, and nowhere in the image', async () => {
    const secret = `${randomUUID()} 密碼\n`;
    const dockerfile = [
      `FROM ${baseImage}`,
      'RUN --mount=type=secret,id=token md5sum /run/secrets/token',
      'RUN --mount=type=secret,id=token,required=true,target=/tmp/other md5sum < /tmp/other',
      'RUN cat /run/secrets/token /tmp/other; echo it is gone',
      'RUN --mount=type=secret,id=unknown ls /run/secrets/unknown || echo none',
    ].join('\n');
    const request = buildRequest({ dockerfile, secrets: { token: secret }, noCache: true });
    const events = await collect(engine.build(request, {}));
    expect(events[0]).toMatchObject({ builder: 'BUILDKIT' });
    expect(logBytes(events, 'STDOUT').toString()).toBe(
      `${md5(secret)}  /run/secrets/token\n${md5(secret)}  -\nit is gone\nnone\n`,
    );
    const last = events.at(-1);
    const image = docker.getImage(last?.kind === 'result' ? last.imageId : '');
    const whole = [
      JSON.stringify(await image.inspect()),
      JSON.stringify(await image.history()),
      (await buffer(await image.get())).toString('latin1'),
    ].join('\n');
    expect(whole).toContain('busybox');
    expect(whole).not.toContain(secret.slice(0, 36));
    await engine.removeImage(image.id);
  });

  it('that the build was not given is told by its name', async () => {
    const dockerfile = `FROM ${baseImage}\n\nRUN --mount=type=secret,id=token,required=true cat /run/secrets/token\n`;
    const { error } = await build({ dockerfile, secrets: { other: 'hunter2' } });
    expect(error).toMatchObject({ reason: 'STEP_FAILED', step: 2, line: 3 });
    expect(error?.message).toContain('needs the secret token, which this build was not given');
  });

  it('needs BuildKit, and an engine without it says so', async () => {
    const dockerfile = `FROM ${baseImage}\nRUN --mount=type=secret,id=token cat /run/secrets/token\n`;
    const secrets = { token: 'hunter2' };
    const refusal = {
      reason: 'DOCKERFILE_INVALID',
      line: 2,
      message: expect.stringContaining('needs BuildKit'),
    };
    expect((await build({ dockerfile, secrets, builder: 'classic' })).error).toMatchObject(refusal);
    const podman = inject('podmanEndpoint');
    if (podman === null) return;
    const elsewhere = testEngine(podman).engine.build(buildRequest({ dockerfile, secrets }), {});
    expect((await collectUntilError(elsewhere)).error).toMatchObject(refusal);
  });

  it('leaves no connection open when its build is aborted', async () => {
    const open = () => process.getActiveResourcesInfo().filter((name) => name === 'PipeWrap').length;
    const before = open();
    const abort = new AbortController();
    const dockerfile = `FROM ${baseImage}\nRUN --mount=type=secret,id=token echo go; sleep ${uniqueSleep()}\n`;
    const request = buildRequest({ dockerfile, secrets: { token: 'hunter2' } });
    const { error } = await collectUntilError(engine.build(request, { signal: abort.signal }), ({ kind }) => {
      if (kind === 'log') abort.abort(new Error('canceled'));
    });
    expect(error?.message).toBe('canceled');
    await expect.poll(open, { timeout: 15_000 }).toBeLessThanOrEqual(before);
  });
});
