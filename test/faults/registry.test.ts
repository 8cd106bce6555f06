import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { finished, startBuild, wholeLog } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import {
  isManifestPush,
  isUpload,
  openFaultyRegistry,
  type RegistryRequest,
} from '../support/faulty-registry.ts';
import { openRoles, type Roles, realParts } from '../support/roles.ts';
import { cancel, finalEvents } from '../support/running-builds.ts';
import type { SlipwayProcess } from '../support/slipway-process.ts';
import { until } from '../support/until.ts';

const PASSWORD = 'a-password-that-nobody-may-see';
/** What a push makes of it on its way to the registry: the header's words. */
const HIDDEN = [PASSWORD, Buffer.from(`pusher:${PASSWORD}`).toString('base64')];
const TRIES = 4;

/** Says nothing about what is pushed; the base image is there. */
const hangWherePushed = ({ path }: RegistryRequest) => (path.includes('/pushed-') ? 'hang' : 'pass');

describe.concurrent('a registry that fails', () => {
  /** API and worker in front of a registry of the test's own, which lets a new image come in at once. */
  async function open(env: Readonly<Record<string, string>> = {}) {
    await using opened = new AsyncDisposableStack();
    const registry = opened.use(await openFaultyRegistry(realParts().registryHost));
    const roles = opened.use(
      await openRoles({
        SLIPWAY_REGISTRY: registry.host,
        SLIPWAY_REGISTRY_AUTH: `pusher:${PASSWORD}`,
        SLIPWAY_LOG_LEVEL: 'debug',
        ...env,
      }),
    );
    const [server, worker] = await Promise.all([roles.serve(), roles.work()]);
    const base = roles.baseImage.replace(roles.registryHost, registry.host);
    const closing = opened.move();
    return {
      registry,
      roles,
      client: server.client,
      processes: [server.process, worker],
      build: async () =>
        await startBuild(server.client, {
          name: `pushed-${randomUUID()}`,
          dockerfile: `FROM ${base}\nRUN head -c 3000000 /dev/urandom > /a\nRUN head -c 1000 /dev/urandom > /b\n`,
          noCache: true,
        }),
      [Symbol.asyncDispose]: () => closing.disposeAsync(),
    };
  }

  it('takes an image whose first two uploads it answered with 500', async () => {
    await using parts = await open();
    const { registry, client } = parts;
    registry.treat((request) => (isUpload(request) && registry.refused.length < 2 ? 500 : 'pass'));
    const build = await parts.build();
    expect(await finished(client, build.id)).toMatchObject({
      status: 'SUCCEEDED',
      attempt: 1,
      image: { status: 'ACTIVE' },
    });
    expect(registry.refused).toHaveLength(2);
    expect(await finalEvents(parts.roles, build.id)).toBe(1);
  });

  it('fails a build as REGISTRY_UNAVAILABLE whose manifest it answers with 500 for ever, and tells no secret', async () => {
    await using parts = await open();
    parts.registry.treat((request) => (isManifestPush(request) ? 500 : 'pass'));
    const build = await parts.build();
    await expectUnavailable(parts, build.id);
    expect(parts.registry.refused).toHaveLength(TRIES);
  });

  it('fails a build as REGISTRY_UNAVAILABLE to whose push it says nothing, and tells no secret', async () => {
    await using parts = await open({ SLIPWAY_PUSH_SILENCE_SECONDS: '2' });
    const build = await parts.build();
    parts.registry.treat(hangWherePushed);
    await expectUnavailable(parts, build.id);
  });

  it('lets a push be cancelled within 5 s to which it says nothing', async () => {
    await using parts = await open();
    const { registry, client, roles } = parts;
    const build = await parts.build();
    registry.treat(hangWherePushed);
    await until('the push', () => registry.refused.length > 0, 60_000);
    const askedAt = Date.now();
    expect(await cancel(client, build.id)).toBe('CANCELING');
    expect(await finished(client, build.id)).toMatchObject({ status: 'CANCELED', image: null });
    expect(Date.now() - askedAt).toBeLessThan(5000);
    expect(await finalEvents(roles, build.id)).toBe(1);
  });
});

async function expectUnavailable(
  { client, roles, processes }: { client: ApiClient; roles: Roles; processes: readonly SlipwayProcess[] },
  buildId: string,
): Promise<void> {
  const ended = await finished(client, buildId);
  expect(ended).toMatchObject({
    status: 'FAILED',
    image: null,
    failure: { reason: 'REGISTRY_UNAVAILABLE' },
  });
  const texts = (await wholeLog(client, buildId)).map(({ text }) => text);
  expect(texts.filter((text) => /^The (push failed|registry does not answer)/.test(text))).toHaveLength(
    TRIES - 1,
  );
  expect(await finalEvents(roles, buildId)).toBe(1);
  const written = [ended.failure?.message, ...texts, ...processes.map(({ output }) => output())].join('\n');
  for (const secret of HIDDEN) expect(written).not.toContain(secret);
}
