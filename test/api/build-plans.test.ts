import { afterAll, beforeAll, expect, it } from 'vitest';
import { tryReadGlobalId } from '../../src/shared/global-id.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { copyEnded } from '../support/build-rows.ts';
import { finished, startBuild } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { type PlanStep, planStepsOf } from '../support/query-plan.ts';
import { makeScope, setRole } from '../support/scopes.ts';

let slipway: TestApp;

beforeAll(async () => {
  slipway = await createTestApp();
  const { database } = slipway;
  const { id } = await finished(
    slipway.admin,
    (await startBuild(slipway.admin, { dockerfile: 'FROM scratch\n', tag: '1' })).id,
  );
  await copyEnded(database, tryReadGlobalId(id)?.uid ?? '', 5000, 1000);
  await database.query(
    "update image_build set status = 'TIMED_OUT' where id in (select id from image_build limit 3)",
  );
  await database.query('vacuum analyze');
}, 60_000);
afterAll(async () => await slipway[Symbol.asyncDispose]());

const LIST = 'query ($filter: ImageBuildFilter) { imageBuilds(filter: $filter) { nodes { id } } }';
const COUNT = '{ imageBuilds { totalCount } }';

async function stepsOf(client: ApiClient, query: string, variables = {}): Promise<readonly PlanStep[]> {
  const statements = await slipway.statementsOf(() => client.run(query, variables));
  return await planStepsOf(slipway.database, statements.at(-1) ?? { text: '', values: [] });
}

async function planOf(query: string, variables = {}): Promise<(string | undefined)[][]> {
  const steps = await stepsOf(slipway.admin, query, variables);
  return steps.map((step) => [step['Node Type'], step['Index Name']]);
}

it.each([
  ['status', 'TIMED_OUT', 'image_build_newest_of_status'],
  ['status', 'RUNNING', 'image_build_newest_of_status'],
  ['kind', 'NOTEBOOK', 'image_build_newest_of_kind'],
])('what few builds have is read off an index: %s %s', async (field, value, index) => {
  expect(await planOf(LIST, { filter: { [field]: [value] } })).toEqual([
    ['Limit', undefined],
    ['Index Scan', index],
  ]);
});

it('what most builds have is met on the way from the newest', async () => {
  const steps = await planOf(LIST, { filter: { status: ['SUCCEEDED', 'FAILED'] } });
  expect(steps).toContainEqual(['Index Scan', 'image_build_newest']);
});

it('builds are counted in an index alone', async () => {
  expect((await planOf(COUNT)).map(([step]) => step)).toContain('Index Only Scan');
});

it('a member of one namespace has the builds of that one counted', async () => {
  const member = await slipway.user('mia');
  const { id } = await makeScope(slipway.admin, 'namespace', { name: 'few' });
  await setRole(slipway.admin, 'namespace', id, 'mia', 'VIEWER');
  const steps = await stepsOf(member, COUNT);
  expect(steps.at(-1)).toMatchObject({
    'Node Type': 'Index Only Scan',
    'Index Cond': expect.stringContaining('namespace_id = ANY'),
  });
});
