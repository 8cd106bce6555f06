import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { buildInput, sendBuild } from '../support/builds.ts';
import { openRoles } from '../support/roles.ts';
import { printingBuild } from '../support/running-builds.ts';

it('makes one build of 50 requests with one clientToken that two API processes get at once', async () => {
  await using roles = await openRoles();
  const [here, there] = await Promise.all([roles.serve(), roles.serve()]);
  const wish = await buildInput(here.client, printingBuild(roles.baseImage, 1, 0).wish);
  const input = { ...wish, clientToken: randomUUID() };
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => sendBuild((index % 2 ? here : there).client, input)),
  );
  expect(answers.flatMap(({ userErrors }) => userErrors)).toEqual([]);
  expect(new Set(answers.map(({ build }) => build?.id)).size).toBe(1);
  expect(answers.filter(({ reused }) => !reused)).toHaveLength(1);
  const [row] = await roles.database.query('select count(*)::int as count from image_build');
  expect(row).toEqual({ count: 1 });
});
