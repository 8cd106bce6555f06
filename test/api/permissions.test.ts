import type { GraphQLObjectType } from 'graphql';
import { isEnumType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSchema } from '../../src/graphql/schema.ts';
import { inParallel } from '../../src/shared/in-parallel.ts';
import type { ApiClient } from '../support/client.ts';
import { ASKS, type Ask, expected, type Outcome, sidesOf } from '../support/permissions-asks.ts';
import { PermissionStage, type Side, type Thing, type Viewer } from '../support/permissions-stage.ts';
import { nameOf, type Outcomes, printTable, readTable, writeTable } from '../support/permissions-table.ts';

const schema = createSchema();
let stage: PermissionStage;
const results = new Map<Ask, Outcomes>();

beforeAll(async () => {
  stage = await PermissionStage.open();
}, 60_000);
afterAll(async () => await stage[Symbol.asyncDispose]());

it('asks for every field that there is', () => {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const fields = (roots as GraphQLObjectType[]).flatMap((type) =>
    Object.keys(type.getFields()).map((field) => `${type.name}.${field}`),
  );
  const asked = new Set(ASKS.map(({ field }) => field));
  const missing = fields.filter((field) => !asked.has(field));
  expect(missing, 'say in test/support/permissions-asks.ts who may ask for these').toEqual([]);
  expect([...asked].filter((field) => !fields.includes(field))).toEqual([]);
});

it('holds every permission that viewerPermissions may tell against what comes of it', () => {
  const told = Object.values(schema.getTypeMap())
    .filter(isEnumType)
    .filter(({ name }) => name.endsWith('Permission'))
    .flatMap((type) => type.getValues().map(({ name }) => `${type.name.replace('Permission', '')}.${name}`));
  const held = new Set(ASKS.flatMap(({ permission }) => permission?.join('.') ?? []));
  expect([...held].sort()).toEqual(told.sort());
});

const isMutation = ({ field }: Ask) => field.startsWith('Mutation.');
/** To hear of changes, there have to be some. */
const changesThings = (one: Ask) => isMutation(one) || one.field === 'Subscription.imageBuildActivity';

/** What `viewerPermissions` says of the thing; none where the viewer sees no such thing. */
async function permissionsOf(client: ApiClient, type: string, { id }: Thing): Promise<readonly string[]> {
  const document = `query ($id: ID!) { node(id: $id) { ... on ${type} { viewerPermissions } } }`;
  const { node } = await client.run<{ node: { viewerPermissions: string[] } | null }>(document, { id });
  return node?.viewerPermissions ?? [];
}

/** Asks once, and finds that what is refused changes nothing and that `viewerPermissions` has told what would come of it. */
async function ask(one: Ask, viewer: Viewer, side: Side): Promise<Outcome> {
  const kind = one.about ?? 'place';
  const thing = await stage.thing(kind, side);
  const changes = isMutation(one);
  const told =
    one.permission === undefined || viewer.session === null
      ? null
      : await permissionsOf(viewer.client, one.permission[0], thing);
  const before = changes ? await stage.fingerprint() : '';
  const outcome = await one.send(viewer.client, thing, stage);
  const where = `${nameOf(one)} of ${viewer.name}, ${side}`;
  if (changes && outcome !== 'ALLOWED') {
    expect(await stage.fingerprint(), `${where} was refused and changed something`).toBe(before);
  } else if (changesThings(one)) stage.spend(kind, side);
  expect(outcome, where).toBe(expected(one, viewer.session, thing));
  if (told !== null && one.permission !== undefined) {
    const [type, permission] = one.permission;
    expect(
      told.includes(permission),
      `${type}.viewerPermissions of ${viewer.name}, ${side}: ${permission}`,
    ).toBe(outcome === 'ALLOWED');
  }
  return outcome;
}

describe('what everybody may do', () => {
  it.each(ASKS.map((one) => [one.field, one.how ?? '', one] as const))('%s %s', async (_, __, one) => {
    const outcomes = new Map<Side, Map<string, Outcome>>();
    for (const side of sidesOf(one)) {
      // What changes nothing is asked for by all at once.
      const atATime = changesThings(one) ? 1 : stage.viewers.length;
      const met = await inParallel(stage.viewers, atATime, async (viewer) => await ask(one, viewer, side));
      outcomes.set(side, new Map(stage.viewers.map(({ name }, index) => [name, met[index] as Outcome])));
    }
    results.set(one, outcomes);
  });

  it('is what docs/security.md says (npm run permissions writes it anew)', () => {
    expect(results.size, 'run the whole file').toBe(ASKS.length);
    const table = printTable([...results]);
    if (process.env['UPDATE_PERMISSIONS'] === '1') writeTable(table);
    expect(readTable()).toBe(table);
  });
});
