import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { startDemoNotebook } from '../../src/embedded/demo-notebook.ts';
import { connectEngine } from '../../src/embedded/registry-container.ts';
import { claimTestRegistryHost, openTestEngine, openTestRegistry } from '../support/local-parts.ts';
import { openTestFolder } from '../support/test-folder.ts';

const labels = readConfig({}, '/').notebookLabels;

describe('the demo notebook', () => {
  it('runs with its labels, and is one and the same at the next start', async ({ skip }) => {
    await using parts = new AsyncDisposableStack();
    const folder = parts.use(await openTestFolder());
    const host = await claimTestRegistryHost(folder.data);
    const local = await openTestEngine(folder.data, host);
    if (local.endpoint === null) return skip(local.missing);
    if (local.child) parts.use(local.child);
    const registry = await openTestRegistry(folder.data, host, async () => local.endpoint);
    if (!registry) return skip('no registry starts here');
    parts.use(registry.registry);

    const start = () => startDemoNotebook(local.endpoint, labels, registry.baseImage, () => {});
    const first = await start();
    const container = (await connectEngine(local.endpoint)).getContainer(first.containerId);
    const { Config, HostConfig, State } = await container.inspect();
    expect(State.Running).toBe(true);
    expect(Config.Labels).toMatchObject({
      [labels.id]: first.id,
      [labels.name]: 'demo',
      [labels.workspace]: 'default',
      [labels.owner]: 'admin',
    });
    const [, token] = /JUPYTER_TOKEN=(\w+)/.exec(Config.Env.join('\n')) ?? [];
    expect(Config.Cmd).toContain(`--ServerApp.token=${token}`);
    expect(HostConfig.Tmpfs).toHaveProperty('/home/notebook/scratch');

    await container.stop({ t: 2 });
    expect(await start()).toEqual(first);
    expect((await container.inspect()).State.Running).toBe(true);
    await container.remove({ force: true });
  });
});
