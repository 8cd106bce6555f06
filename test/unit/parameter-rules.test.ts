import { describe, expect, it } from 'vitest';
import { checkAlgorithm } from '../../src/image/content/algorithm.rules.ts';
import type { Algorithm, ImageParameter } from '../../src/image/content/image-content.ts';
import { checkKind, checkParameters, typeMismatch } from '../../src/image/content/parameter.rules.ts';
import { codesOf, problemsOf } from '../support/problems.ts';

const parameter = (changes: Partial<ImageParameter> = {}): ImageParameter => ({
  name: 'task_id',
  type: 'string',
  controls: 'input',
  default: '-',
  displayName: '任务ID',
  index: 0,
  ...changes,
});
const NONE = { inputs: [], outputs: [], configs: [] };

const wrongWith = (...inputs: ImageParameter[]) =>
  codesOf((problems) => checkParameters({ ...NONE, inputs }, problems));

describe("an image's parameters", () => {
  it("may be the document's own, with sparse indexes and one name in two lists", () => {
    const lists = {
      inputs: [parameter(), parameter({ name: 'output', index: 12 })],
      outputs: [
        parameter({
          name: 'output',
          default: '/data/y/argon/data_path',
          displayName: '输出文件路径',
          index: 6,
        }),
      ],
      configs: [
        parameter({
          name: 'cache_path',
          default: '/data/y/argon/workdir/default/cache_path',
          displayName: '缓存文件路径',
          index: 8,
        }),
      ],
    };
    expect(codesOf((problems) => checkParameters(lists, problems))).toEqual([]);
  });

  it.each([
    [parameter({ name: '普通整片转码.a-b/c' }), []],
    [parameter({ name: '' }), ['REQUIRED inputs.0.name']],
    [parameter({ name: 'a b' }), ['PATTERN inputs.0.name']],
    [parameter({ name: 'a\u00a0' }), ['PATTERN inputs.0.name']],
    [parameter({ name: 'a}b' }), ['PATTERN inputs.0.name']],
    [parameter({ name: '{' }), ['PATTERN inputs.0.name']],
    [parameter({ name: '\u0000' }), ['PATTERN inputs.0.name']],
    [parameter({ name: '\ud800' }), ['INVALID inputs.0.name']],
    [parameter({ name: '名'.repeat(128) }), []],
    [parameter({ name: '名'.repeat(129) }), ['TOO_LONG inputs.0.name']],
    [parameter({ index: -1 }), ['OUT_OF_RANGE inputs.0.index']],
    [parameter({ index: 2 ** 31 - 1 }), []],
    [parameter({ default: null, displayName: null, type: '', controls: '' }), []],
    [
      parameter({
        type: 't'.repeat(65),
        controls: 'c'.repeat(65),
        default: 'd'.repeat(32_769),
        displayName: 'n'.repeat(257),
      }),
      ['type', 'controls', 'default', 'displayName'].map((field) => `TOO_LONG inputs.0.${field}`),
    ],
    [parameter({ default: '\u0000' }), ['INVALID inputs.0.default']],
  ])('%#', (given, expected) => {
    expect(wrongWith(given)).toEqual(expected);
  });

  it('have names that are unique in their list', () => {
    const list = [parameter(), parameter({ name: '__proto__' }), parameter(), parameter()];
    const wrong = codesOf((problems) =>
      checkParameters({ inputs: list, outputs: [parameter()], configs: list }, problems),
    );
    expect(wrong).toEqual([
      'DUPLICATE inputs.2.name',
      'DUPLICATE inputs.3.name',
      'DUPLICATE configs.2.name',
      'DUPLICATE configs.3.name',
    ]);
  });

  it('are at most 256 in a list', () => {
    const list = (length: number) => Array.from({ length }, (_, i) => parameter({ name: `${i}` }));
    expect(wrongWith(...list(256))).toEqual([]);
    const found = problemsOf((problems) => checkParameters({ ...NONE, configs: list(257) }, problems));
    expect(found).toMatchObject([
      { code: 'TOO_MANY', path: ['configs'], details: { max: 256, current: 257 } },
    ]);
  });

  it('may say their kind, as what their list says', () => {
    const check = (kind: 'INPUT' | 'CONFIG' | null | undefined) =>
      codesOf((problems) => checkKind(kind, 'CONFIG', ['configs', '0', 'kind'], problems));
    expect(check('CONFIG')).toEqual([]);
    expect(check(null)).toEqual([]);
    expect(check(undefined)).toEqual([]);
    expect(check('INPUT')).toEqual(['INVALID configs.0.kind']);
  });
});

describe('a value', () => {
  it.each([
    ['string', ['', 'x', '1'], []],
    ['color', ['', 'anything'], []],
    ['constructor', ['x'], []],
    ['int', ['0', '-7', '+7', '007', '9'.repeat(40)], ['', '1.0', '1e3', 'x', ' 1', '1\n', '٣']],
    ['Integer', ['1'], ['1.5']],
    ['number', ['0', '-1.5', '.5', '5.', '1e-9', '2E+3'], ['', '.', 'e1', 'NaN', 'Infinity', '0x1', '1,5']],
    ['FLOAT', ['0.1'], ['x']],
    ['bool', ['true', 'false', 'True', 'FALSE'], ['', '1', 'yes']],
    ['boolean', ['true'], ['truely']],
  ])('of the type %s', (type, good, bad) => {
    for (const value of good) expect(typeMismatch(value, type)).toBeNull();
    for (const value of bad) expect(typeMismatch(value, type)).toContain('is not');
  });

  it('of a megabyte is looked at in a moment', () => {
    const started = performance.now();
    expect(typeMismatch(`${'1'.repeat(1_000_000)}x`, 'number')).toMatch(/^"1{100}…" is not a number/);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe('an algorithm', () => {
  const algorithm: Algorithm = {
    factory: '易华录',
    name: 'test',
    type: '0',
    description: '抽帧超压',
    eventType: 0,
    incidentId: '0',
    tvChannels: 1,
    pictures: 10,
    frameInterval: 1_800_000,
    frameNumber: 1,
    useableFlag: '0',
  };
  const wrong = (changes: Partial<Algorithm>) =>
    codesOf((problems) => checkAlgorithm({ ...algorithm, ...changes }, ['algorithm'], problems)).map(
      (found) => found.replace('algorithm.', ''),
    );

  it("may be the document's own, and may say little", () => {
    expect(wrong({})).toEqual([]);
    expect(
      wrong({
        description: null,
        eventType: null,
        incidentId: null,
        tvChannels: null,
        pictures: null,
        frameInterval: null,
        frameNumber: null,
        useableFlag: null,
      }),
    ).toEqual([]);
  });

  it('needs vendor, name and type', () => {
    expect(wrong({ factory: '', name: '', type: ' ' })).toEqual([
      'REQUIRED factory',
      'REQUIRED name',
      'REQUIRED type',
    ]);
  });

  it.each([
    [{ factory: '易'.repeat(256), name: 'n'.repeat(256), type: 't'.repeat(256) }, []],
    [{ factory: '易'.repeat(257) }, ['TOO_LONG factory']],
    [{ name: 'n'.repeat(257) }, ['TOO_LONG name']],
    [{ type: 't'.repeat(257) }, ['TOO_LONG type']],
    [{ description: '抽'.repeat(512) }, []],
    [{ description: '抽'.repeat(513) }, ['TOO_LONG description']],
    [
      { incidentId: 'x'.repeat(65), useableFlag: 'x'.repeat(65) },
      ['TOO_LONG incidentId', 'TOO_LONG useableFlag'],
    ],
    [{ name: 'a\u0000' }, ['INVALID name']],
    [{ eventType: -(2 ** 31) }, []],
    [{ eventType: 2 ** 31 }, ['OUT_OF_RANGE eventType']],
    [{ tvChannels: 0, pictures: 0, frameInterval: 0, frameNumber: 0 }, []],
    [
      { tvChannels: -1, pictures: -1, frameInterval: -1, frameNumber: -1 },
      ['tvChannels', 'pictures', 'frameInterval', 'frameNumber'].map((field) => `OUT_OF_RANGE ${field}`),
    ],
  ])('%#', (changes, expected) => {
    expect(wrong(changes)).toEqual(expected);
  });
});
