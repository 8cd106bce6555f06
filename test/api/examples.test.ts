import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { createTestApp } from '../support/app.ts';

it('takes the tour of the catalogue as it stands', async () => {
  await using slipway = await createTestApp({ worker: false });
  const args = ['examples/catalogue.mjs', '--url', slipway.url, '--token', slipway.admin.token];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout).toContain('All as promised.');
});
