import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

/** Runs plain JavaScript that prints one JSON value, as the scripts run: without types and without a build. */
async function run(script: string): Promise<unknown> {
  const args = ['--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env: {} });
  return JSON.parse(stdout);
}

const optionsOf = (args: readonly string[], settings: Readonly<Record<string, string>>) =>
  run(`
    import { readOptions } from './examples/lib/options.mjs';
    console.log(JSON.stringify(readOptions(${JSON.stringify(args)}, ${JSON.stringify(settings)})));
  `);

it('reads .env on an old Node as Node itself does', async () => {
  const text = [
    '# a comment',
    'PORT=4400',
    '  HOST = 127.0.0.1   # another',
    'export SLIPWAY_INSTALL=no',
    'SLIPWAY_TOKEN=\'with # and "quotes"\'',
    'SLIPWAY_ADMIN_TOKEN="two\\nlines"',
    'SLIPWAY_DATA_DIR=',
    '#SLIPWAY_BUILDER=auto',
    'SLIPWAY_REGISTRY_AUTH=robot:a=b\r',
  ].join('\n');
  const read = (parser: string) =>
    run(`
      import { ${parser} } from './scripts/env-file.mjs';
      console.log(JSON.stringify(${parser}(${JSON.stringify(text)})));
    `);
  expect(await read('parseSimpleEnv')).toEqual(await read('parseEnv'));
});

it('helps with the example without a token', async () => {
  expect(await optionsOf(['--help'], { SLIPWAY_DATA_DIR: '/nonexistent' })).toEqual({ help: true });
});

it('finds the server by its port, and the token in a data folder elsewhere', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'slipway-options-'));
  await writeFile(join(dataDir, 'admin-token'), 'kept-token\n');
  const options = await optionsOf([], { PORT: '4400', SLIPWAY_DATA_DIR: dataDir, SLIPWAY_ADMIN_TOKEN: '' });
  expect(options).toMatchObject({ url: 'http://127.0.0.1:4400', token: 'kept-token' });
  await rm(dataDir, { recursive: true });
});

it('reads server and token out of the address that npm start prints', async () => {
  const token = 'a+b&c%2Bd e="é"';
  const url = `http://127.0.0.1:4400/graphiql#token=${encodeURIComponent(token)}`;
  expect(await optionsOf(['--url', url], {})).toMatchObject({ url: 'http://127.0.0.1:4400', token });
});
