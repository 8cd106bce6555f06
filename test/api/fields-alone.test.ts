import { type GraphQLField, getNamedType, isLeafType, isObjectType, isRequiredArgument } from 'graphql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { finished } from '../support/builds.ts';
import { WHOLE } from '../support/image-content.ts';
import { makeImage } from '../support/images.ts';
import { addDanasNotebook, saveNotebook } from '../support/notebooks.ts';

/**
 * A page reads no more columns than the fields that are asked for take. Here each is asked for alone, of an image of which everything is
 * said and of a build that saved a notebook, so that a column that was not read shows as a null that is none.
 */
let slipway: TestApp;
let ids: Readonly<Record<'Image' | 'ImageBuild' | 'Namespace', string>>;

beforeAll(async () => {
  slipway = await createTestApp();
  const { admin, engine, database } = slipway;
  const { uid, id: notebookId } = addDanasNotebook(engine);
  const { build, image: saved } = await saveNotebook(admin, { notebookId, name: 'saved' });
  await finished(admin, build?.id ?? '');
  const whole = await makeImage(admin, { ...WHOLE, reference: 'default/whole:1' });
  await database.query(
    `update image set source_build_id = (select id from image_build), source_notebook_id = $2, source_image_id = $3
      where id = $1`,
    [whole.uid, uid, saved?.uid],
  );
  await database.query(
    `update image_build set image_id = $1, notebook_held_since = now(), job_name = 'nightly', builder = 'CLASSIC', region_id = 'r',
      cancel_reason = 'none', canceled_by_id = created_by_id, retry_of_id = id, push = '{"pushedBytes": 1, "totalBytes": 2}'`,
    [whole.uid],
  );
  const { image } = await admin.run<{ image: { namespace: { id: string } } }>(
    'query ($id: ID!) { image(id: $id) { namespace { id } } }',
    { id: whole.id },
  );
  ids = { Image: whole.id, ImageBuild: build?.id ?? '', Namespace: image.namespace.id };
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

type Field = GraphQLField<unknown, unknown>;
const isPlain = ({ type }: Field) => isLeafType(getNamedType(type));
const named = (type: unknown): readonly Field[] =>
  isObjectType(type)
    ? Object.values(type.getFields()).filter(({ args }) => !args.some(isRequiredArgument))
    : [];

/** Each field that can be asked for without arguments; of one that is an object, its plain fields. */
const fieldsOf = (type: string) =>
  named(slipway.app.schema.getType(type)).map((field) => {
    const inside = named(getNamedType(field.type)).filter(isPlain);
    return isPlain(field) ? field.name : `${field.name} { __typename ${namesOf(inside)} }`;
  });
const namesOf = (fields: readonly Field[]) => fields.map(({ name }) => name).join(' ');

type Row = Readonly<Record<string, unknown>>;
interface Shown extends Row {
  readonly builds?: { readonly nodes: readonly Row[] };
  readonly namespace?: Row;
}

it.each([
  ['Image', (field: string) => field, (image: Shown) => image],
  [
    'ImageBuild',
    (field: string) => `builds(first: 1) { nodes { ${field} } }`,
    (image: Shown) => image.builds?.nodes[0],
  ],
  ['Namespace', (field: string) => `namespace { ${field} }`, (image: Shown) => image.namespace],
] as const)(
  'each field of %s, asked for alone in a page, is as it is in node',
  async (type, within, taken) => {
    const fields = fieldsOf(type);
    const { node } = await slipway.admin.run<{ node: Row }>(
      `query ($id: ID!) { node(id: $id) { ... on ${type} { ${fields.join(' ')} } } }`,
      { id: ids[type] },
    );
    const pages = fields.map((field, index) => `p${index}: images(first: 1) { nodes { ${within(field)} } }`);
    const shown = await slipway.admin.run<Record<string, { nodes: Shown[] }>>(`{ ${pages.join(' ')} }`);
    const alone = Object.values(shown).flatMap(({ nodes }) => nodes.map(taken));
    expect(Object.assign({}, ...alone)).toEqual(node);
    expect(Object.keys(node)).toHaveLength(fields.length);
  },
);
