import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { digestOf } from '../support/fake-engine.ts';
import { addNotebook } from '../support/notebooks.ts';

async function take(tour: string, { url, admin }: TestApp): Promise<{ stdout: string }> {
  return await promisify(execFile)(process.execPath, [
    `examples/${tour}.mjs`,
    '--url',
    url,
    '--token',
    admin.token,
  ]);
}

describe('the examples', () => {
  it('take the tour of the catalogue as it stands', async () => {
    await using slipway = await createTestApp({ worker: false });
    expect((await take('catalogue', slipway)).stdout).toContain('All as promised.');
  });

  it('take the tour of rights as it stands', async () => {
    await using slipway = await createTestApp({ worker: false });
    const { stdout } = await take('access', slipway);
    expect(stdout).toContain('closed with 4403');
    expect(stdout).toContain('All as promised.');
  });

  it('take the tour of notebooks as it stands, and say what to do where none runs', async () => {
    await using slipway = await createTestApp();
    await expect(take('notebooks', slipway)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('npm start -- --demo-notebook'),
    });
    const { engine } = slipway;
    const { host } = engine.registry;
    const digest = digestOf('base');
    const base = {
      digest,
      sizeBytes: 7,
      layers: [],
      architecture: 'amd64',
      configDigest: digestOf('config'),
    };
    engine.registry.put('slipway/base', 'latest', base);
    engine.addImage({ id: 'base', layerCount: 2, references: [`${host}/slipway/base@${digest}`] });
    addNotebook(
      engine,
      { owner: 'admin', name: 'lab' },
      { image: `${host}/slipway/base:latest`, imageId: 'base', mounts: ['/data'] },
    );
    const { stdout } = await take('notebooks', slipway);
    expect(stdout).toContain('/data');
    expect(stdout).toContain('The notebook stood still for');
    expect(stdout).toContain('All as promised.');
  });
});
