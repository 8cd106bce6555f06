import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const start = async (...args: readonly string[]) => {
  const program = resolve(ROOT, 'scripts/start.mjs');
  return (await promisify(execFile)(process.execPath, [program, ...args], { cwd: ROOT, maxBuffer: 2 ** 24 }))
    .stdout;
};

it('starts the program as npm start does', async () => {
  expect(await start('schema')).toContain('type ImageBuild implements Node');
});

it('helps', async () => {
  expect(await start('--help')).toContain('--demo-notebook');
});
