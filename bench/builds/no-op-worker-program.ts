import { once } from 'node:events';
import { join } from 'node:path';
import { createFakeEngine } from '../../test/support/fake-engine.ts';
import { createFakeRegistry } from '../../test/support/fake-registry.ts';

/**
 * A worker of the compiled server, whose engine and registry do everything at once. Arguments: where that is, and whether it is to
 * `build`, or only to `claim`, which leaves all builds as if they were being worked on.
 */
const [, , dist = '', work] = process.argv;
const compiled = async (path: string): Promise<unknown> => await import(join(dist, 'src', path));
const { createApp } = (await compiled('app.js')) as typeof import('../../src/app.ts');
const { readConfig } = (await compiled('config.js')) as typeof import('../../src/config.ts');
const { createLogger } = (await compiled('shared/logger.js')) as typeof import('../../src/shared/logger.ts');
const { startWorker } = (await compiled('worker.js')) as typeof import('../../src/worker.ts');
const { BuildStore } = (await compiled(
  'build/build.store.js',
)) as typeof import('../../src/build/build.store.ts');
const { claimBuild } = (await compiled(
  'build/run/build-settle.js',
)) as typeof import('../../src/build/run/build-settle.ts');

const { DATABASE_URL: databaseUrl = '', SLIPWAY_REGISTRY: registryHost = '' } = process.env;
const registry = createFakeRegistry(registryHost);
const connections = {
  databaseUrl,
  engineEndpoint: null,
  registryHost,
  exampleBaseImage: null,
  adminToken: '',
  secretKey: Buffer.alloc(32),
};
await using app = await createApp(readConfig(process.env, '.'), connections, createLogger('warn'), {
  engine: createFakeEngine(registry),
  registry,
});
const { slots, namespaceSlots, queueTimeoutMs } = app.config.build;

async function startClaiming(): Promise<{ stop(): Promise<void> }> {
  const store = new BuildStore(app.orm.em, app.events);
  await app.queue.work({ slots, groupSlots: namespaceSlots }, async ({ buildId }) => {
    await claimBuild(store, buildId, queueTimeoutMs);
  });
  return { stop: async () => await app.queue.stopWorking() };
}

const worker = work === 'claim' ? await startClaiming() : await startWorker(app);
process.stdout.write('works\n');
await once(process, 'SIGTERM');
await worker?.stop();
