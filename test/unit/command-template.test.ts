import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkTemplate,
  commandTemplateOf,
  renderCommand,
  type TemplateContent,
} from '../../src/image/command/command-template.rules.ts';
import { type ImageParameter, NO_RUNTIME } from '../../src/image/content/image-content.ts';
import { Problems } from '../../src/shared/problems.ts';
import { codesOf, problemsOf } from '../support/problems.ts';

const parameter = (name: string, value: string | null = null, type = 'string'): ImageParameter => ({
  name,
  type,
  controls: 'input',
  default: value,
  displayName: null,
  index: 0,
});

interface Given {
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly inputs?: readonly ImageParameter[];
  readonly outputs?: readonly ImageParameter[];
  readonly configs?: readonly ImageParameter[];
}
const contentOf = ({ command = [], args = [], ...lists }: Given): TemplateContent => ({
  runtime: { ...NO_RUNTIME, command, args },
  inputs: [],
  outputs: [],
  configs: [],
  ...lists,
});

type Values = Readonly<Partial<Record<'inputs' | 'outputs' | 'configs', Readonly<Record<string, string>>>>>;
const valuesOf = ({ inputs = {}, outputs = {}, configs = {} }: Values = {}) => ({
  inputs: new Map(Object.entries(inputs)),
  outputs: new Map(Object.entries(outputs)),
  configs: new Map(Object.entries(configs)),
});
const render = (given: Given, values?: Values) => {
  const problems = new Problems();
  const rendered = renderCommand(contentOf(given), valuesOf(values), problems);
  expect(problems.all).toEqual([]);
  return rendered;
};
const argvOf = (given: Given, values?: Values) => render(given, values).argv;
const wrongWith = (given: Given, values?: Values) =>
  codesOf((problems) => renderCommand(contentOf(given), valuesOf(values), problems));

/** S0's example. */
const S0 = {
  command: [
    'python3 /home/mediacloud/main_transcode.py --task_id={{inputs.task_id}} --date={{inputs.date}} --log_path={{configs.log_path}} --cache_path={{configs.cache_path}} --input_file={{inputs.input_file}} --output={{outputs.output}} --format={{inputs.format}} --vcodec={{inputs.vcodec}} --acodec={{inputs.acodec}}',
  ],
  inputs: [parameter('task_id', '-')],
  outputs: [parameter('output', '/data/y/argon/data_path')],
  configs: [parameter('cache_path', '/data/y/argon/workdir/default/cache_path')],
};
const S0_VALUES = {
  inputs: { date: '2020-12-21', input_file: '/in/a b.mp4', format: 'mp4', vcodec: 'h264', acodec: 'aac' },
  configs: { log_path: '/log' },
};

describe("the document's own command", () => {
  it('asks for nine variables, of which the image declares three, and that is no mistake', () => {
    const { variables, warnings } = commandTemplateOf(contentOf(S0));
    expect(variables.map(({ scope, name, declared }) => `${scope} ${name} ${declared}`)).toEqual([
      'INPUT task_id true',
      'INPUT date false',
      'CONFIG log_path false',
      'CONFIG cache_path true',
      'INPUT input_file false',
      'OUTPUT output true',
      'INPUT format false',
      'INPUT vcodec false',
      'INPUT acodec false',
    ]);
    expect(warnings).toHaveLength(6);
    expect(warnings[0]).toContain("uses inputs.date, which is not among the image's inputs");
    expect(codesOf((problems) => checkTemplate(contentOf(S0), problems))).toEqual([]);
  });

  it('is filled with values and defaults, and can be run without a shell', () => {
    expect(argvOf(S0, S0_VALUES)).toEqual([
      'python3',
      '/home/mediacloud/main_transcode.py',
      '--task_id=-',
      '--date=2020-12-21',
      '--log_path=/log',
      '--cache_path=/data/y/argon/workdir/default/cache_path',
      '--input_file=/in/a b.mp4',
      '--output=/data/y/argon/data_path',
      '--format=mp4',
      '--vcodec=h264',
      '--acodec=aac',
    ]);
  });

  it('tells of every value that is missing', () => {
    expect(wrongWith(S0)).toEqual([
      'VALUE_MISSING values.inputs.date',
      'VALUE_MISSING values.configs.log_path',
      'VALUE_MISSING values.inputs.input_file',
      'VALUE_MISSING values.inputs.format',
      'VALUE_MISSING values.inputs.vcodec',
      'VALUE_MISSING values.inputs.acodec',
    ]);
  });
});

describe('a template', () => {
  const variablesOf = (...command: string[]) =>
    commandTemplateOf(contentOf({ command })).variables.map(({ scope, name }) => `${scope} ${name}`);

  it('has each variable once, those of the command before those of the arguments', () => {
    const given = {
      command: ['{{inputs.b}}', '{{inputs.a}}{{inputs.b}}'],
      args: ['{{outputs.a}} {{inputs.a}}'],
    };
    expect(commandTemplateOf(contentOf(given)).variables).toEqual([
      { scope: 'INPUT', name: 'b', declared: false },
      { scope: 'INPUT', name: 'a', declared: false },
      { scope: 'OUTPUT', name: 'a', declared: false },
    ]);
  });

  it.each([
    ['{{ inputs.x }}', ['INPUT x']],
    ['{{\tinputs.x\n}}', ['INPUT x']],
    ['{{inputs.a.b}}', ['INPUT a.b']],
    ['{{inputs.任务}}', ['INPUT 任务']],
    ['{"id":{{inputs.id}}}', ['INPUT id']],
    ['{{inputs.__proto__}}{{inputs.constructor}}', ['INPUT __proto__', 'INPUT constructor']],
    ['}} { {inputs.x} }', []],
    ['$x $(x) %x%', []],
  ])('%j asks for %j', (text, expected) => {
    expect(variablesOf(text)).toEqual(expected);
    expect(codesOf((problems) => checkTemplate(contentOf({ command: [text] }), problems))).toEqual([]);
  });

  it.each([
    ['{{foo.x}}', 1, /\{\{foo\.x\}\} names nothing that an image has: write \{\{inputs\.name\}\}/],
    ['--a={{foo.x}}', 5, /foo/],
    ['🚀🚀{{foo.x}}', 3, /foo/],
    ['{{inputs.名}}{{foo.x}}', 13, /foo/],
    ['{{}}', 1, /\{\{\}\}/],
    ['{{x}}', 1, /\{\{x\}\}/],
    ['{{INPUTS.x}}', 1, /INPUTS/],
    ['{{__proto__.x}}', 1, /__proto__/],
    ['{{inputs}}', 1, /names no parameter: write \{\{inputs\.name\}\}/],
    ['{{inputs.}}', 1, /names no parameter/],
    ['{{inputs. x}}', 1, /names no parameter/],
    ['{{inputs.a b}}', 1, /names no parameter/],
    ['{{inputs.x', 1, /never closed/],
    ['a {{inputs.x} }', 3, /never closed/],
    ['{{a {{inputs.x}}', 1, /never closed/],
    ['{{', 1, /never closed/],
    ["say it's", 7, /this ' is never closed/],
    ['{{inputs.x}} "a b', 14, /this " is never closed/],
  ])('%j is refused at column %j', (text, column, message) => {
    const content = contentOf({ command: [text] });
    expect(problemsOf((problems) => checkTemplate(content, problems))).toEqual([
      {
        code: 'TEMPLATE_INVALID',
        path: ['runtime', 'command', '0'],
        message: expect.stringMatching(message),
        details: { column },
      },
    ]);
    expect(commandTemplateOf(content).warnings[0]).toMatch(message);
  });

  it('is refused with all its mistakes at once', () => {
    const given = { command: ['a', '{{a}}{{b}}'], args: ['', '{{inputs.x}} {{c'] };
    const found = [
      'TEMPLATE_INVALID runtime.command.1',
      'TEMPLATE_INVALID runtime.command.1',
      'TEMPLATE_INVALID runtime.args.1',
    ];
    expect(codesOf((problems) => checkTemplate(contentOf(given), problems))).toEqual(found);
    expect(wrongWith(given, { inputs: { x: '' } })).toEqual(found);
  });

  it('has at most 256 variables', () => {
    const command = (count: number) => [
      'a',
      Array.from({ length: count }, (_, i) => `{{inputs.v${i}}}`).join(''),
    ];
    const check = (count: number) =>
      codesOf((problems) => checkTemplate(contentOf({ command: command(count) }), problems));
    expect(check(256)).toEqual([]);
    expect(check(257)).toEqual(['TOO_MANY runtime.command']);
  });

  it('warns of a default that is of another type than its parameter', () => {
    const { warnings } = commandTemplateOf(
      contentOf({ inputs: [parameter('n', '-', 'int'), parameter('m', '1', 'int')] }),
    );
    expect(warnings).toEqual([
      'the default of inputs.n is of another type: "-" is not a whole number, e.g. 42',
    ]);
  });

  // Each takes milliseconds where the time grows with the length, and minutes where it grows with its square.
  it.each([
    '{'.repeat(200_000),
    `${'{{'.repeat(100_000)}}}`,
    '{{inputs.x'.repeat(20_000),
    `${'{{a'.repeat(60_000)} }}`,
    '{ { '.repeat(50_000),
    "a '' ".repeat(50_000),
  ])('is read in a moment, however long: %#', (text) => {
    const started = performance.now();
    problemsOf((problems) => checkTemplate(contentOf({ command: [text], args: [text] }), problems));
    expect(performance.now() - started).toBeLessThan(4000);
  });

  it('may be so long that a regular expression would overflow the stack', () => {
    const command = ['🚀'.repeat(10_000_000)];
    expect(codesOf((problems) => checkTemplate(contentOf({ command }), problems))).toEqual([]);
  });
});

describe('the words of a command', () => {
  it.each([
    [['/home/realtimetest/project/restart.sh'], ['/home/realtimetest/project/restart.sh']],
    [['python3 a.py'], ['python3', 'a.py']],
    [['  a \t b\nc '], ['a', 'b', 'c']],
    [["sh -c 'a b' \"c  d\" e'f g'h"], ['sh', '-c', 'a b', 'c  d', 'ef gh']],
    [['a \'\' ""'], ['a', '', '']],
    [['a "it\'s" \'"\''], ['a', "it's", '"']],
    [['a \\ $b `c` | d; e > f && *'], ['a', '\\', '$b', '`c`', '|', 'd;', 'e', '>', 'f', '&&', '*']],
    [["'/opt/My App/run' x"], ['/opt/My App/run', 'x']],
    [['a\u00a0b\u3000c'], ['a\u00a0b\u3000c']],
    [["it's"], ["it's"]],
    [
      ['/opt/My App/run', 'a b'],
      ['/opt/My App/run', 'a b'],
    ],
    [
      ["it's fine", ''],
      ["it's fine", ''],
    ],
    [[], []],
  ])('of %j are %j', (command, argv) => {
    expect(argvOf({ command })).toEqual(argv);
  });

  it('never part at a blank inside the braces', () => {
    const inputs = { x: '1' };
    expect(argvOf({ command: ["'{{ inputs.x }}'"] }, { inputs })).toEqual(["'1'"]);
    expect(argvOf({ command: ['a {{ inputs.x }}b'] }, { inputs })).toEqual(['a', '1b']);
  });

  it('are followed by the arguments as they are', () => {
    expect(argvOf({ command: ['a b'], args: ["c 'd", ''] })).toEqual(['a', 'b', "c 'd", '']);
    expect(argvOf({ args: ['c d'] })).toEqual(['c d']);
  });
});

describe('a value', () => {
  it.each([
    '{{inputs.y}}',
    'a b',
    "'",
    '"; rm -rf / #',
    '$(reboot) `reboot` $HOME',
    'line\nline',
    '',
    '}}',
    '{{',
    '\\',
    '$&$1$$',
    '🚀',
  ])('%j comes in as it is', (x) => {
    const values = { inputs: { x, y: 'Y' } };
    expect(argvOf({ command: ['run --x={{inputs.x}} {{inputs.x}} {{inputs.y}}'] }, values)).toEqual([
      'run',
      `--x=${x}`,
      x,
      'Y',
    ]);
  });

  it('wins over the default, also when it is empty; so does a default over nothing', () => {
    const given = { command: ['{{inputs.x}}'], inputs: [parameter('x', 'default')] };
    expect(argvOf(given)).toEqual(['default']);
    expect(argvOf(given, { inputs: { x: '' } })).toEqual(['']);
    expect(argvOf({ ...given, inputs: [parameter('x', '')] })).toEqual(['']);
  });

  it('of one list is none of another', () => {
    const command = ['{{inputs.x}}', '{{outputs.x}}', '{{configs.x}}'];
    expect(argvOf({ command }, { inputs: { x: '1' }, outputs: { x: '2' }, configs: { x: '3' } })).toEqual([
      '1',
      '2',
      '3',
    ]);
    expect(wrongWith({ command }, { outputs: { x: '2' } })).toEqual([
      'VALUE_MISSING values.inputs.x',
      'VALUE_MISSING values.configs.x',
    ]);
  });

  it('that is missing is told of once, whether the variable is declared or not', () => {
    const given = { command: ['{{inputs.x}}', '{{inputs.x}}{{inputs.toString}}'], inputs: [parameter('x')] };
    expect(wrongWith(given)).toEqual([
      'VALUE_MISSING values.inputs.x',
      'VALUE_MISSING values.inputs.toString',
    ]);
  });

  it('that nobody asks for is a mistake, or a warning where the image declares it', () => {
    expect(wrongWith({ command: ['{{inputs.task_id}}'] }, { inputs: { task_id: '', taskid: '' } })).toEqual([
      'INVALID values.inputs.taskid',
    ]);
    expect(render({ command: ['a'], inputs: [parameter('x')] }, { inputs: { x: '1' } })).toEqual({
      argv: ['a'],
      warnings: ['inputs.x is not used by the command'],
    });
  });

  it('is checked by the type of its parameter, and so is a default', () => {
    const given = {
      command: ['{{inputs.i}}{{inputs.n}}{{inputs.b}}{{inputs.s}}{{inputs.d}}{{inputs.free}}'],
      inputs: [
        parameter('i', null, 'int'),
        parameter('n', null, 'Number'),
        parameter('b', null, 'boolean'),
        parameter('s'),
        parameter('d', '-', 'integer'),
        parameter('unused', null, 'int'),
      ],
    };
    const bad = { i: '1.5', n: 'x', b: '1', s: 'x', free: 'x', unused: 'x' };
    expect(wrongWith(given, { inputs: bad })).toEqual([
      'INVALID values.inputs.i',
      'INVALID values.inputs.n',
      'INVALID values.inputs.b',
      'INVALID values.inputs.unused',
      'INVALID values.inputs.d',
    ]);
    const good = { i: '1', n: '1.5', b: 'true', s: '', d: '7', free: '', unused: '0' };
    expect(argvOf(given, { inputs: good })).toEqual(['11.5true7']);
  });

  it('may not hold what no program can be given', () => {
    expect(wrongWith({ command: ['{{inputs.x}}'] }, { inputs: { x: 'a\u0000b' } })).toEqual([
      'INVALID values.inputs.x',
    ]);
  });

  it('that is used many times cannot fill the memory', () => {
    const command = ['a', '{{inputs.x}}'.repeat(2700)];
    const args = Array.from({ length: 8 }, () => '{{inputs.x}}'.repeat(2700));
    expect(wrongWith({ command, args }, { inputs: { x: 'x'.repeat(1_000_000) } })).toEqual([
      'TOO_LONG values',
    ]);
  });

  it('of any text changes neither the number of words nor another word', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: fc.constantFrom('{{', '}}', 'inputs.y', "'", '"', ' ', '\n', '$', '\\', 'a') }),
    );
    const written = fc.constantFrom('{{inputs.x}}', '{{ inputs.x }}', "'{{inputs.x}}'", '"{{inputs.x}}"');
    const around = fc.string({ unit: fc.constantFrom('a', '-', '=', '抽', '.') });
    fc.assert(
      fc.property(fc.array(fc.tuple(around, written, around), { minLength: 2 }), text, (parts, x) => {
        fc.pre(!x.includes('\0'));
        const command = [parts.map((part) => part.join('')).join(' ')];
        const expected = parts.map(([before, , after]) => `${before}${x}${after}`);
        expect(argvOf({ command }, { inputs: { x } })).toEqual(expected);
        const args = parts.map(([before, , after]) => `${before}{{inputs.x}}${after}`);
        expect(argvOf({ args }, { inputs: { x } })).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('that no template asks for leaves any text as it is', () => {
    const noise = fc.string({ unit: fc.constantFrom('{', '}', '.', 'inputs', 'x', ' ', "'", '抽') });
    fc.assert(
      fc.property(noise, noise, (first, second) => {
        const content = contentOf({ command: [first, second] });
        const problems = new Problems();
        checkTemplate(content, problems);
        if (problems.any || commandTemplateOf(content).variables.length > 0) return;
        expect(argvOf({ command: [first, second] })).toEqual([first, second]);
      }),
      { numRuns: 1000 },
    );
  });
});
