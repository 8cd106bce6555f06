import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { UserErrorFacts } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import {
  codes,
  deleteImage,
  errorCode,
  globalId,
  makeImage,
  readImage,
  registerImage,
  updateImage,
} from '../support/images.ts';

let slipway: TestApp;
let admin: ApiClient;
let serial = 0;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const RENDER = `query ($id: ID!, $values: CommandValuesInput!) {
  renderCommand(imageId: $id, values: $values) { argv warnings userErrors { code message path details } }
}`;

interface Rendered {
  readonly argv: readonly string[];
  readonly warnings: readonly string[];
  readonly userErrors: readonly UserErrorFacts[];
}
type Values = Partial<Record<'inputs' | 'outputs' | 'configs', Record<string, unknown> | null>>;

async function render(id: string, values: Values = {}, client = admin): Promise<Rendered> {
  return (await client.run<{ renderCommand: Rendered }>(RENDER, { id, values })).renderCommand;
}
async function make(content: Record<string, unknown>): Promise<string> {
  serial += 1;
  return (await makeImage(admin, { reference: `default/command-${serial}:1`, ...content })).id;
}
const argvOf = async (content: Record<string, unknown>, values: Values = {}) => {
  const { argv, userErrors } = await render(await make(content), values);
  expect(userErrors).toEqual([]);
  return argv;
};
const wrongWith = async (content: Record<string, unknown>, values: Values = {}) => {
  const { argv, userErrors } = await render(await make(content), values);
  expect(argv).toEqual([]);
  return codes(userErrors);
};

describe('a command', () => {
  it('is an argv: its elements as they are, with values in the place of variables', async () => {
    const content = {
      runtime: { command: ['python3', '/a.py'], args: ['--id={{inputs.id}}', '{{ configs.dir }}/x', ''] },
    };
    expect(await argvOf(content, { inputs: { id: '7' }, configs: { dir: '/d' } })).toEqual([
      'python3',
      '/a.py',
      '--id=7',
      '/d/x',
      '',
    ]);
    expect(await argvOf({})).toEqual([]);
  });

  it('that is one line is split before the values come in, which a shell never sees', async () => {
    const content = { runtime: { command: ["run '--in={{inputs.in}}' --out={{inputs.out}} 'two words'"] } };
    const nasty = `a b; rm -rf / $(id) \`id\` "x" 'y' && {{inputs.out}} \\ * \n`;
    expect(await argvOf(content, { inputs: { in: nasty, out: '' } })).toEqual([
      'run',
      `--in=${nasty}`,
      '--out=',
      'two words',
    ]);
  });

  it('is never filled twice: what looks like a variable in a value stays', async () => {
    const content = { runtime: { args: ['{{inputs.a}}{{inputs.b}}', '{{inputs.c}}'] } };
    const values = { inputs: { a: '{{inputs.', b: 'c}}', c: '{{inputs.c}}{{configs.x}}' } };
    expect(await argvOf(content, values)).toEqual(['{{inputs.c}}', '{{inputs.c}}{{configs.x}}']);
  });

  it('takes a default where no value is given, and null for none', async () => {
    const content = {
      runtime: { args: ['{{inputs.a}}', '{{outputs.b}}', '{{configs.c}}'] },
      inputs: [{ name: 'a', default: 'A' }],
      outputs: [{ name: 'b', default: '' }],
      configs: [{ name: 'c', default: '{{inputs.a}}' }],
    };
    expect(await argvOf(content)).toEqual(['A', '', '{{inputs.a}}']);
    expect(await argvOf(content, { inputs: { a: null }, outputs: { b: 'B' }, configs: null })).toEqual([
      'A',
      'B',
      '{{inputs.a}}',
    ]);
  });

  it('takes numbers and truth values as their texts, 0 and false among them', async () => {
    const content = { runtime: { args: ['{{inputs.n}}', '{{inputs.f}}', '{{inputs.t}}', '{{inputs.b}}'] } };
    expect(await argvOf(content, { inputs: { n: 0, f: 0.5, t: true, b: false } })).toEqual([
      '0',
      '0.5',
      'true',
      'false',
    ]);
  });

  it('knows names in any script, and those that mean something to JavaScript', async () => {
    const content = {
      runtime: { args: ['{{inputs.任务}}', '{{inputs.constructor}}', '{{inputs.a.b}}'] },
      inputs: [{ name: 'constructor', default: 'none' }],
    };
    const { data } = await admin.ask<{ renderCommand: Rendered }>(RENDER, {
      id: await make(content),
      values: { inputs: JSON.parse('{ "任务": "x", "a.b": "y" }') },
    });
    expect(data.renderCommand.argv).toEqual(['x', 'none', 'y']);
    expect(await wrongWith({ runtime: { args: ['{{inputs.toString}}'] } })).toEqual([
      'VALUE_MISSING values.inputs.toString',
    ]);
    const proto = JSON.parse('{ "__proto__": "p" }') as Record<string, unknown>;
    expect(await argvOf({ runtime: { args: ['{{inputs.__proto__}}'] } }, { inputs: proto })).toEqual(['p']);
  });
});

describe('what is wrong with values', () => {
  it('is told all at once: missing, of another type, unknown, no text', async () => {
    const content = {
      runtime: { args: ['{{inputs.n}}', '{{inputs.b}}', '{{outputs.o}}', '{{configs.c}}'] },
      inputs: [
        { name: 'n', type: 'int' },
        { name: 'b', type: 'boolean' },
      ],
      configs: [{ name: 'c', type: 'number', default: 'many' }],
    };
    const values = { inputs: { n: '1.5', b: 'yes', unknown: 'x', list: [1] }, configs: { nul: 'a\u0000' } };
    expect(await wrongWith(content, values)).toEqual([
      'INVALID values.configs.c',
      'INVALID values.configs.nul',
      'INVALID values.configs.nul',
      'INVALID values.inputs.b',
      'INVALID values.inputs.list',
      'INVALID values.inputs.n',
      'INVALID values.inputs.unknown',
      'VALUE_MISSING values.outputs.o',
    ]);
    const good = { inputs: { n: '-1', b: 'TRUE' }, outputs: { o: '' }, configs: { c: '1e3' } };
    expect(await argvOf(content, good)).toEqual(['-1', 'TRUE', '', '1e3']);
  });

  it('is not that one is given which the command does not use: a warning says so', async () => {
    const id = await make({ runtime: { args: ['x'] }, inputs: [{ name: 'spare' }] });
    const { argv, warnings, userErrors } = await render(id, { inputs: { spare: '1' } });
    expect([argv, userErrors]).toEqual([['x'], []]);
    expect(warnings).toEqual(['inputs.spare is not used by the command']);
  });

  it('is capped, and said how much there is', async () => {
    const inputs = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`n${i}`, []]));
    const { userErrors } = await render(await make({}), { inputs });
    expect(userErrors).toHaveLength(101);
    expect(userErrors.at(-1)).toMatchObject({
      code: 'TOO_MANY',
      path: [],
      details: { max: 100, current: 1000 },
    });
  });

  it('is that the filled command would be too long for any program', async () => {
    const id = await make({ runtime: { args: ['{{inputs.a}}{{inputs.a}}{{inputs.a}}'] } });
    const { argv, userErrors } = await render(id, { inputs: { a: 'x'.repeat(1_000_000) } });
    expect(argv).toEqual([]);
    expect(userErrors).toMatchObject([{ code: 'TOO_LONG', path: ['values'], details: { max: 2_097_152 } }]);
  });

  it('is a GraphQL error where values are no object', async () => {
    const id = await make({});
    for (const values of [{ inputs: 'x' }, { inputs: [] }, { other: {} }, 'x', null]) {
      expect(await errorCode(admin, RENDER, { id, values })).toBe('BAD_USER_INPUT');
    }
  });
});

describe('a template that cannot be read', () => {
  it.each([
    [{ command: ['{{inputs.a'] }, ['TEMPLATE_INVALID runtime.command.0']],
    [
      { command: ['run {{foo.x}} {{inputs.}}'] },
      ['TEMPLATE_INVALID runtime.command.0', 'TEMPLATE_INVALID runtime.command.0'],
    ],
    [{ args: ['ok', '{{}}', "it's {{inputs.a}}"] }, ['TEMPLATE_INVALID runtime.args.1']],
    [{ command: ["run 'open"] }, ['TEMPLATE_INVALID runtime.command.0']],
    [{ command: [' '] }, ['REQUIRED runtime.command.0']],
  ])('is refused when it is registered and when it is changed: %j', async (runtime, expected) => {
    const refused = await registerImage(admin, { reference: 'default/unreadable:1', runtime });
    expect(codes(refused.userErrors)).toEqual(expected);
    const { userErrors } = await updateImage(admin, { id: await make({}), runtime });
    expect(codes(userErrors)).toEqual(expected);
    const column = userErrors.find(({ code }) => code === 'TEMPLATE_INVALID')?.details?.['column'];
    if (column !== undefined) expect(column).toBeGreaterThan(0);
  });

  it('says in which column, in characters', async () => {
    const runtime = { args: ['🚀🚀{{x.y}}'] };
    const { userErrors } = await registerImage(admin, { reference: 'default/columns:1', runtime });
    expect(userErrors).toMatchObject([{ path: ['runtime', 'args', '0'], details: { column: 3 } }]);
  });
});

describe("an image's variables", () => {
  it('are told with the image, and warned about when the command or its parameters change', async () => {
    const id = await make({
      runtime: { args: ['{{inputs.a}}{{inputs.a}}', '{{configs.b}}'] },
      inputs: [{ name: 'a' }],
    });
    expect(
      await readImage(admin, id, 'commandTemplate { variables { scope name declared } warnings }'),
    ).toEqual({
      commandTemplate: {
        variables: [
          { scope: 'INPUT', name: 'a', declared: true },
          { scope: 'CONFIG', name: 'b', declared: false },
        ],
        warnings: [expect.stringContaining('configs.b')],
      },
    });
    expect((await updateImage(admin, { id, description: 'x' })).warnings).toEqual([]);
    const changed = await updateImage(admin, {
      id,
      inputs: null,
      configs: [{ name: 'b', type: 'int', default: 'x' }],
    });
    expect(changed.warnings).toEqual([
      expect.stringContaining('inputs.a'),
      expect.stringContaining('the default of configs.b is of another type'),
    ]);
  });
});

describe('rendering', () => {
  it('is for whoever may see the image, deleted ones too, and for nobody else', async () => {
    const id = await make({ runtime: { args: ['secret'] } });
    const [viewer, stranger] = [
      await slipway.user('vera', { namespace: 'VIEWER' }),
      await slipway.user('sam'),
    ];
    expect((await render(id, {}, viewer)).argv).toEqual(['secret']);
    const unseen = await render(id, {}, stranger);
    const missing = await render(globalId('Image'), {}, stranger);
    expect(unseen).toEqual(missing);
    expect(codes(unseen.userErrors)).toEqual(['NOT_FOUND imageId']);
    expect(codes((await render('nonsense')).userErrors)).toEqual(['INVALID imageId']);
    expect(codes((await render(globalId('User'))).userErrors)).toEqual(['NOT_FOUND imageId']);
    await deleteImage(admin, { id });
    expect((await render(id, {}, viewer)).argv).toEqual(['secret']);
  });
});
