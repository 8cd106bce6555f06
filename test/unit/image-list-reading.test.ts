import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fieldOfPath } from '../../src/image/transfer/image-list-fields.rules.ts';
import {
  type ImageList,
  type ImageListRow,
  readImageList,
  withContentErrors,
} from '../../src/image/transfer/image-list-reading.rules.ts';
import type { ImageListDefaults } from '../../src/image/transfer/image-list-row.rules.ts';
import { atOnce } from '../support/turns.ts';

const ID = 'c675e74e1bc211ea9f600242ac110002';
const UUID = 'c675e74e-1bc2-11ea-9f60-0242ac110002';

/** The least that S1 takes. */
const LEAST = {
  imageName: 'algo/posterize',
  imageTag: '1.0',
  factory: 'ehl',
  algoName: '抽帧',
  algoType: '0',
  frameInterval: 1000,
};

function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/image-list/${name}`, import.meta.url), 'utf8');
}

function read(document: unknown, defaults?: ImageListDefaults): ImageList {
  const list = atOnce(
    readImageList(typeof document === 'string' ? document : JSON.stringify(document), defaults),
  );
  if ('problem' in list) throw new Error(list.problem.message);
  return list;
}

function problemOf(document: unknown) {
  const list = atOnce(readImageList(typeof document === 'string' ? document : JSON.stringify(document)));
  return 'problem' in list ? list.problem : null;
}

function rowOf(record: object, defaults?: ImageListDefaults): ImageListRow {
  return read([record], defaults).rows[0] as ImageListRow;
}

/** What is wrong with a record that is the least one but for this: `CODE field`. */
function errorsOf(change: object, defaults?: ImageListDefaults): string[] {
  return rowOf({ ...LEAST, ...change }, defaults).errors.map(({ code, field }) => `${code} ${field}`);
}

describe("the documents' examples", () => {
  it('read the file of a download', () => {
    const { rows, warnings } = read(fixture('load.json'));
    expect(warnings).toEqual([]);
    expect(rows).toEqual([
      {
        index: 0,
        isOurs: false,
        imageId: UUID,
        imageName: 'algo/posterize',
        imageTag: '1.0',
        name: { namespace: 'algo', name: 'posterize', tag: '1.0' },
        defaultReference: 'algo/posterize:1.0',
        changes: {
          runtime: {
            portsText: null,
            mountsText: '/home/realtimetest/LOG,/data',
            pvcSize: null,
            cpuRequests: null,
            gpuRequests: null,
            memRequests: null,
            configFilesText: '/etc/fdfs/client.conf',
            subPathsText: null,
            hostPathsText: null,
            workingDir: null,
            envText: 'CVSIP:172.38.90.52,CVSPORT:11112',
            command: ['/home/realtimetest/posterize'],
            args: null,
          },
          algorithm: {
            factory: 'ehl',
            name: '抽帧',
            description: null,
            tvChannels: 1,
            pictures: null,
            type: '0',
            eventType: 1,
            frameInterval: 1000,
            frameNumber: 1,
            incidentId: '0',
            useableFlag: '0',
          },
        },
        dependencies: [],
        errors: [],
      },
    ]);
  });

  it('with the ellipsis that stands in one cannot be read', () => {
    expect(problemOf(fixture('load-as-documented.txt'))).toMatchObject({ line: 35, column: 9 });
  });

  it('read the record of a registration, whose blank text is no number', () => {
    const row = rowOf(JSON.parse(fixture('register.json')));
    expect(row).toMatchObject({
      imageId: null,
      name: { namespace: 'default', name: 'test1.0', tag: 'test1.0' },
      defaultReference: 'test1.0:test1.0',
      dependencies: ['algo/posterize:1.0'],
      errors: [],
    });
    expect(row.changes.runtime).toMatchObject({
      pvcSize: null,
      portsText: 'service1:5016:30016,service2:5017:30017,service:8888',
      hostPathsText: '/home:/home',
      command: ['/home/realtimetest/project/restart.sh'],
      args: ['/home/realtimetest/start.sh'],
    });
    expect(row.changes.algorithm).toMatchObject({ eventType: 0, frameInterval: 1_800_000, type: '0' });
  });

  it('read the record of an update, which depends on itself', () => {
    expect(rowOf(JSON.parse(fixture('update.json')))).toMatchObject({
      imageId: UUID,
      name: { namespace: 'algo', name: 'posterize', tag: '1.0' },
      dependencies: ['algo/posterize:1.0'],
      errors: [],
    });
  });

  it('read the list of a search, whose dependency is of another kind', () => {
    expect(read(fixture('search.json')).rows).toMatchObject([
      {
        imageId: '1c67f13e-b9d3-11ea-9578-b694d896c886',
        name: { namespace: 'algo', name: 'structure_new', tag: 'latest' },
        dependencies: ['1'],
        changes: { algorithm: { name: '安全帽结构化', eventType: 3001, pictures: null } },
        errors: [],
      },
    ]);
  });
});

describe('a document', () => {
  it.each([
    ['an object of records', { [ID]: LEAST }],
    ['an answer around one', { status: '0', res: { [ID]: LEAST }, msg: '镜像下载成功' }],
    [
      'one that has the message among the records',
      { status: '0', res: { [ID]: LEAST, msg: '镜像下载成功' } },
    ],
    ['a list of records', [{ ...LEAST, imageId: ID }]],
    ['the answer of a search', { status: '0', res: { data: [{ ...LEAST, imageId: ID }] }, msg: '查询成功' }],
  ])('may be %s', (_, document) => {
    expect(read(document).rows).toMatchObject([{ index: 0, imageId: UUID, errors: [] }]);
  });

  it.each([[{}], [[]], [{ status: '0', res: {} }], [{ res: { data: [] } }]])(
    'may be without records: %j',
    (document) => {
      expect(read(document)).toEqual({ rows: [], warnings: [] });
    },
  );

  it.each([
    ['', 'is empty'],
    ['12', 'no records'],
    ['null', 'no records'],
    ['"[]"', 'no records'],
    ['{"status": "-1", "res": null, "msg": "x"}', '"res" holds no records'],
    ['{"res": {"data": "x"}}', '"res.data" holds no records'],
    [JSON.stringify(LEAST), 'a single record'],
    [`{"res": {"${ID}": {}},\n "res": {}}`, 'has "res" again in line 2'],
    [`[${'0,'.repeat(100_000)}0]`, '100001 records'],
  ])('%.60s has no rows', (text, message) => {
    expect(problemOf(text)).toMatchObject({
      message: expect.stringContaining(message),
      line: expect.any(Number),
      column: 1,
    });
  });

  it('keeps its order', () => {
    const names = ['c', 'a', 'b'].map((name) => `algo/${name}`);
    const { rows } = read(names.map((imageName) => ({ ...LEAST, imageName })));
    expect(rows.map(({ index, imageName }) => [index, imageName])).toEqual(
      names.map((name, at) => [at, name]),
    );
  });

  it.each([[null], ['text'], [1], [[]], [true]])('tells of a record that is %j', (record) => {
    expect(read([record, LEAST]).rows).toMatchObject([
      { index: 0, imageId: null, imageName: null, name: null, errors: [{ field: null, code: 'INVALID' }] },
      { index: 1, errors: [] },
    ]);
    expect(read({ [ID]: record }).rows).toMatchObject([{ imageId: UUID, errors: [{ field: null }] }]);
  });

  it('tells of rows that are alike, and of the first of them', () => {
    const { rows } = read([
      { ...LEAST, imageId: ID },
      { ...LEAST, imageName: 'algo/other', imageId: UUID.toUpperCase() },
      { ...LEAST, imageName: 'algo/third' },
      LEAST,
      { ...LEAST, imageTag: '2.0' },
    ]);
    expect(rows.map(({ errors }) => errors)).toEqual([
      [],
      [{ field: 'imageId', code: 'DUPLICATE', message: expect.stringContaining('row 0') }],
      [],
      [
        {
          field: 'imageName',
          code: 'DUPLICATE',
          message: expect.stringContaining('row 0 has algo/posterize:1.0'),
        },
      ],
      [],
    ]);
  });

  it('has no two rows that are alike because one names the default namespace', () => {
    const [one, other] = [LEAST, LEAST].map((record, at) => ({
      ...record,
      imageName: ['test', 'x/test'][at],
    }));
    expect(read([one, other]).rows[1]?.errors).toEqual([]);
    expect(read([one, other], { namespace: 'x' }).rows[1]?.errors).toMatchObject([{ code: 'DUPLICATE' }]);
  });

  it('tells of a key that is there twice, for a record and within one', () => {
    const record = JSON.stringify(LEAST);
    const text = `{"res": {"${ID}": ${record},\n"${ID.replaceAll('c', 'd')}": {"imageTag": "2", ${record.slice(1)},\n"${ID}": ${record}}}`;
    expect(read(text).rows.map(({ errors }) => errors)).toEqual([
      [{ field: null, code: 'DUPLICATE', message: expect.stringContaining('line 3') }],
      [
        { field: 'imageName', code: 'DUPLICATE', message: expect.stringContaining('row 0') },
        { field: 'imageTag', code: 'DUPLICATE', message: expect.stringContaining('line 2') },
      ],
    ]);
    const list = `[${record}, {"factory": "x", ${record.replace('posterize', 'other').slice(1)}]`;
    expect(read(list).rows[1]?.errors).toMatchObject([{ field: 'factory', code: 'DUPLICATE' }]);
  });

  it('of 10,000 records is read in a moment', () => {
    const records = Array.from({ length: 10_000 }, (_, at) => [
      at.toString(16).padStart(32, '0'),
      {
        ...JSON.parse(fixture('register.json')),
        imageName: `algo/image-${at}`,
        labels: [{ key: 'a', value: 'b' }],
      },
    ]);
    const text = JSON.stringify(Object.fromEntries(records), null, 2);
    const started = performance.now();
    expect(read(text).rows.every(({ errors }) => errors.length === 0)).toBe(true);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('a key of a record', () => {
  it('may be spelled with other capitals', () => {
    expect(rowOf({ ...LEAST, imageports: 'a:1' }).changes.runtime?.portsText).toBe('a:1');
    expect(rowOf({ ...LEAST, ENVLIST: [{ name: 'a', value: ',' }] }).changes.runtime?.env).toHaveLength(1);
  });

  it('may be there in two spellings only where one of them is blank', () => {
    for (const both of [
      { imageports: 'a:1', imagePorts: '' },
      { imageports: null, imagePorts: 'a:1' },
    ]) {
      expect(rowOf({ ...LEAST, ...both })).toMatchObject({
        changes: { runtime: { portsText: 'a:1' } },
        errors: [],
      });
    }
    expect(errorsOf({ imageports: 'a:1', imagePorts: 'a:1' })).toEqual(['DUPLICATE imagePorts']);
  });

  it('that means nothing is told of once, with the one that may be meant', () => {
    const record = { ...LEAST, frameIntervall: 1, createUser: 'me', ['x'.repeat(500)]: 1 };
    const { rows, warnings } = read([
      record,
      { ...record, imageTag: '2' },
      { ...LEAST, imageTag: '3', createUser: '' },
    ]);
    expect(rows.flatMap(({ errors }) => errors)).toEqual([]);
    expect(warnings).toEqual([
      '"frameIntervall" is no key of a record and is ignored, in 2 rows; did you mean frameInterval?',
      '"createUser" is no key of a record and is ignored, in 3 rows',
      expect.stringMatching(/^"x{100}…" is no key/),
    ]);
  });

  it('that means nothing is told of no more than twenty times', () => {
    const record = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`unknown${at}`, 1]));
    const { warnings } = read([{ ...LEAST, ...record }]);
    expect(warnings).toHaveLength(21);
    expect(warnings[20]).toContain('10 more keys');
  });

  it('may be one that every object has', () => {
    const { rows, warnings } = read(
      `[${JSON.stringify(LEAST).slice(0, -1)}, "__proto__": {"imageTag": 1}, "constructor": 1}]`,
    );
    expect(rows).toMatchObject([{ imageTag: '1.0', errors: [] }]);
    expect(warnings).toHaveLength(2);
  });
});

describe('a value', () => {
  it.each(['imagePorts', 'pvcSize', 'algoDesc', 'command', 'dependencyServiceId', 'imageId', 'deleteFlag'])(
    'that is blank is the same as none: %s',
    (key) => {
      const none = rowOf(LEAST);
      for (const blank of ['', null]) expect(rowOf({ ...LEAST, [key]: blank })).toEqual(none);
    },
  );

  it('that is nought is one', () => {
    expect(rowOf({ ...LEAST, eventType: 0, pvcSize: '0', incidentId: 0, frameInterval: 0 })).toMatchObject({
      changes: { runtime: { pvcSize: 0 }, algorithm: { eventType: 0, incidentId: '0', frameInterval: 0 } },
      errors: [],
    });
  });

  it.each([
    ['1000', 1000],
    [' 1000 ', 1000],
    ['1e3', 1000],
    ['1000.0', 1000],
    ['-1', -1],
    [2147483647, 2147483647],
    ['-0', 0],
  ])('of a number may be %j', (given, number) => {
    const row = rowOf({ ...LEAST, cpuRequests: given });
    expect(row.errors).toEqual([]);
    expect(row.changes.runtime?.cpuRequests).toBe(number);
  });

  it.each([
    [1.5, 'OUT_OF_RANGE'],
    ['1.5', 'OUT_OF_RANGE'],
    [2147483648, 'OUT_OF_RANGE'],
    ['-2147483649', 'OUT_OF_RANGE'],
    ['1e400', 'OUT_OF_RANGE'],
    ['1000m', 'INVALID'],
    ['0x10', 'INVALID'],
    [' ', 'INVALID'],
    [true, 'INVALID'],
    [[], 'INVALID'],
    [{}, 'INVALID'],
  ])('of a number may not be %j', (given, code) => {
    const row = rowOf({ ...LEAST, cpuRequests: given });
    expect(row.errors).toMatchObject([{ field: 'cpuRequests', code }]);
    expect(row.changes.runtime).not.toHaveProperty('cpuRequests');
  });

  it('of a text may be a number, but not for a tag', () => {
    expect(rowOf({ ...LEAST, algoType: 0, useableFlag: 1, factory: 1.5 }).changes.algorithm).toMatchObject({
      type: '0',
      useableFlag: '1',
      factory: '1.5',
    });
    expect(errorsOf({ imageTag: 1 })).toEqual(['INVALID imageTag']);
    expect(errorsOf({ incidentId: 12345678901234567890n.toString() })).toEqual([]);
    expect(
      read(`[${JSON.stringify(LEAST).slice(0, -1)}, "incidentId": 12345678901234567890}]`).rows,
    ).toMatchObject([{ errors: [{ field: 'incidentId', code: 'INVALID' }] }]);
  });

  it.each([
    'imageName',
    'factory',
    'imagePorts',
    'command',
    'dependencyServiceId',
    'reference',
    'labels',
    'price',
  ])('that is an object where none is asked for is wrong: %s', (key) => {
    expect(errorsOf({ [key]: { a: 1 } })).toEqual([`INVALID ${key}`]);
    expect(errorsOf({ [key]: true })).toEqual([`INVALID ${key}`]);
  });

  it('of a command is one text or a list of them', () => {
    const commandOf = (command: unknown) => rowOf({ ...LEAST, command }).changes.runtime?.command;
    expect(commandOf('run --all "a b"')).toEqual(['run --all "a b"']);
    expect(commandOf(['run', '--all', ''])).toEqual(['run', '--all', '']);
    expect(commandOf([''])).toEqual(['']);
    expect(commandOf([])).toEqual([]);
    expect(commandOf('')).toBeNull();
    expect(errorsOf({ command: ['run', null] })).toEqual(['INVALID command']);
  });

  it('of the dependencies has commas between them', () => {
    const dependenciesOf = (dependencyServiceId: unknown) =>
      rowOf({ ...LEAST, dependencyServiceId }).dependencies;
    expect(dependenciesOf('a/b:1, c:2')).toEqual(['a/b:1', 'c:2']);
    expect(dependenciesOf(1)).toEqual(['1']);
    expect(dependenciesOf(['a/b:1'])).toEqual(['a/b:1']);
  });

  it.each([
    ['0', []],
    [0, []],
    ['1', ['INVALID deleteFlag']],
    [true, ['INVALID deleteFlag']],
  ])('of deleteFlag may be %j: %j', (deleteFlag, errors) => {
    expect(errorsOf({ deleteFlag })).toEqual(errors);
  });
});

describe('an image', () => {
  it.each([
    [ID, UUID],
    [UUID, UUID],
    [ID.toUpperCase(), UUID],
  ])('has the id %s', (imageId, uuid) => {
    expect(rowOf({ ...LEAST, imageId })).toMatchObject({ imageId: uuid, errors: [] });
    expect(read({ [imageId]: LEAST }).rows).toMatchObject([{ imageId: uuid, errors: [] }]);
    expect(read({ [ID]: { ...LEAST, imageId } }).rows).toMatchObject([{ imageId: uuid, errors: [] }]);
  });

  it.each([
    [{ x: LEAST }],
    [{ x: { ...LEAST, imageId: ID } }],
    [{ [ID]: { ...LEAST, imageId: ID.replaceAll('c', 'd') } }],
    [{ [ID]: { ...LEAST, imageId: 'x' } }],
    [[{ ...LEAST, imageId: `${ID}0` }]],
    [[{ ...LEAST, imageId: 5 }]],
  ])('has no such id: %j', (document) => {
    expect(read(document).rows[0]?.errors).toMatchObject([{ field: 'imageId', code: 'INVALID' }]);
  });

  it.each([
    ['algo/posterize', 'algo', 'posterize'],
    ['algo/deep/posterize', 'algo', 'deep/posterize'],
    ['registry.example/algo/posterize', 'registry.example', 'algo/posterize'],
    ['test1.0', 'default', 'test1.0'],
  ])('is named %s', (imageName, namespace, name) => {
    expect(rowOf({ ...LEAST, imageName })).toMatchObject({
      imageName,
      name: { namespace, name, tag: '1.0' },
      defaultReference: `${imageName}:1.0`,
      errors: [],
    });
  });

  it('without a namespace gets that of the import', () => {
    expect(rowOf({ ...LEAST, imageName: 'x' }, { namespace: 'algo' }).name?.namespace).toBe('algo');
    expect(rowOf({ ...LEAST, imageName: 'b/x' }, { namespace: 'algo' }).name?.namespace).toBe('b');
    expect(rowOf({ ...LEAST, imageName: 'x' }, { namespace: '' }).name?.namespace).toBe('default');
  });

  it.each([
    ['Algo/posterize', ['PATTERN imageName']],
    ['algo/', ['PATTERN imageName']],
    ['/posterize', ['PATTERN imageName']],
    ['algo/posterize:1.0', ['PATTERN imageName']],
    ['localhost:5000/posterize', ['PATTERN imageName']],
    ['Algo/Posterize', ['PATTERN imageName', 'PATTERN imageName']],
    ['镜像', ['PATTERN imageName']],
    [`algo/${'n'.repeat(513)}`, ['TOO_LONG imageName']],
    ['', ['REQUIRED imageName']],
    [null, ['REQUIRED imageName']],
  ])('cannot be named %s', (imageName, errors) => {
    expect(errorsOf({ imageName })).toEqual(errors);
    expect(rowOf({ ...LEAST, imageName })).toMatchObject({ name: null, defaultReference: null });
  });

  it.each([
    ['1,0', 'TAG_NOT_OCI imageTag'],
    ['', 'REQUIRED imageTag'],
    [undefined, 'REQUIRED imageTag'],
  ])('cannot have the tag %j', (imageTag, error) => {
    expect(errorsOf({ imageTag })).toEqual([error]);
    expect(rowOf({ ...LEAST, imageTag }).name).toBeNull();
  });

  it('may have a reference of its own', () => {
    const reference = 'registry.example:5000/team/x:2';
    expect(rowOf({ ...LEAST, reference })).toMatchObject({ reference, errors: [] });
    expect(rowOf(LEAST).reference).toBeUndefined();
    expect(errorsOf({ reference: 'a b' })).toEqual(['REFERENCE_INVALID reference']);
  });
});

describe('the algorithm', () => {
  const NONE = { factory: '', algoName: null, algoType: undefined, frameInterval: undefined };

  it('is required of a record of S1, with its frame interval', () => {
    expect(errorsOf(NONE)).toEqual([
      'REQUIRED factory',
      'REQUIRED algoName',
      'REQUIRED algoType',
      'REQUIRED frameInterval',
    ]);
    expect(errorsOf({ frameInterval: '' })).toEqual(['REQUIRED frameInterval']);
  });

  it('may be absent from a record of ours, or be without a frame interval', () => {
    const ours = { reference: 'algo/posterize:1.0' };
    expect(errorsOf({ ...NONE, ...ours })).toEqual([]);
    expect(rowOf({ ...LEAST, ...NONE, ...ours }).changes.algorithm).toBeNull();
    expect(errorsOf({ ...ours, frameInterval: null })).toEqual([]);
    expect(errorsOf({ ...NONE, ...ours, algoDesc: 'x' })).toEqual([
      'REQUIRED factory',
      'REQUIRED algoName',
      'REQUIRED algoType',
    ]);
  });

  it('gets what it leaves blank from the defaults', () => {
    const defaults = { algorithm: { frameInterval: 40, factory: 'ehualu', type: '7' } };
    expect(errorsOf({ ...NONE, algoName: 'x' }, defaults)).toEqual([]);
    expect(rowOf({ ...LEAST, frameInterval: null, algoType: '' }, defaults).changes.algorithm).toMatchObject({
      frameInterval: 40,
      factory: 'ehl',
      type: '7',
    });
    expect(rowOf({ ...LEAST, frameInterval: 0 }, defaults).changes.algorithm).toMatchObject({
      frameInterval: 0,
    });
    expect(rowOf({ ...LEAST, ...NONE, reference: 'a/b' }, defaults).changes.algorithm).toBeNull();
  });

  it('is told of once for what cannot be read', () => {
    expect(errorsOf({ factory: {}, frameInterval: 'x' })).toEqual([
      'INVALID factory',
      'INVALID frameInterval',
    ]);
  });
});

describe('our own keys', () => {
  it('are not mentioned where they are absent, and cleared where they are blank', () => {
    expect(Object.keys(rowOf(LEAST).changes)).toEqual(['runtime', 'algorithm']);
    const blank = { displayName: '', labels: null, price: '', digest: null, sizeBytes: '', workspace: null };
    expect(rowOf({ ...LEAST, ...blank })).toMatchObject({
      changes: { displayName: '', labels: null, price: null },
      digest: null,
      sizeBytes: null,
      workspace: null,
      errors: [],
    });
  });

  it('are read as what the catalogue has', () => {
    const digest = `sha256:${'ab'.repeat(32)}`;
    const record = {
      digest,
      sizeBytes: '3376133259',
      layers: [{ digest, sizeBytes: 5, mediaType: 'application/x' }],
      architecture: 'x86_64',
      origin: 'image_save',
      workspace: 'team',
      visibility: 'PUBLIC',
      serviceType: 'train',
      devServices: [],
      resourceCategories: ['gpu', 'CPU'],
      flavorType: 'ASCEND_SNT9B',
      labels: [{ key: 'a', value: '' }],
      price: 0.5,
      inputs: [
        {
          controls: 'input',
          default: 0,
          displayName: '任务ID',
          index: 0,
          kind: 'input',
          name: 'x',
          type: 'string',
        },
      ],
      outputs: [{ name: 'y' }],
    };
    expect(rowOf({ ...LEAST, ...record })).toMatchObject({
      digest,
      sizeBytes: 3376133259,
      layers: record.layers,
      origin: 'IMAGE_SAVE',
      workspace: 'team',
      changes: {
        architecture: 'X86_64',
        visibility: 'PUBLIC',
        serviceType: 'TRAIN',
        devServices: [],
        resourceCategories: ['GPU', 'CPU'],
        flavorType: 'ASCEND_SNT9B',
        labels: [{ key: 'a', value: '' }],
        price: '0.5',
        inputs: [{ ...record.inputs[0], default: '0', kind: 'INPUT' }],
        outputs: [{ name: 'y' }],
      },
      errors: [],
    });
  });

  it.each([
    [{ digest: 'abc' }, 'INVALID digest'],
    [{ sizeBytes: -1 }, 'OUT_OF_RANGE sizeBytes'],
    [{ sizeBytes: 2 ** 53 }, 'OUT_OF_RANGE sizeBytes'],
    [{ layers: [{ digest: 'x' }] }, 'INVALID layers'],
    [{ architecture: 'mips' }, 'INVALID architecture'],
    [{ devServices: 'SSH' }, 'INVALID devServices'],
    [{ devServices: ['FTP'] }, 'INVALID devServices'],
    [{ labels: { a: 'b' } }, 'INVALID labels'],
    [{ labels: [{ key: 'a' }] }, 'INVALID labels'],
    [{ labels: [{ key: 'a', value: 'b', more: 1 }] }, 'INVALID labels'],
    [{ price: 'free' }, 'INVALID price'],
    [{ price: '1e3' }, 'INVALID price'],
    [{ inputs: [{ type: 'string' }] }, 'INVALID inputs'],
    [{ inputs: [{ name: 'x', index: 1.5 }] }, 'OUT_OF_RANGE inputs'],
    [{ inputs: [{ name: 'x', kind: 'other' }] }, 'INVALID inputs'],
  ])('are checked: %j', (change, error) => {
    expect(errorsOf(change)).toEqual([error]);
  });

  it('say where in a list something is wrong', () => {
    const labels = [
      { key: 'a', value: 'b' },
      { key: 'c', value: [] },
    ];
    expect(rowOf({ ...LEAST, labels }).errors).toMatchObject([{ message: 'at 1.value: must be a text' }]);
  });

  it('have a list in the place of its text', () => {
    const imagePortsList = [{ name: 'a', containerPort: '80' }];
    expect(rowOf({ ...LEAST, imagePorts: '', imagePortsList }).changes.runtime).toMatchObject({
      ports: [{ name: 'a', containerPort: 80 }],
    });
    expect(rowOf({ ...LEAST, imagePortsList }).changes.runtime).not.toHaveProperty('portsText');
    const asText = rowOf({ ...LEAST, imagePorts: 'a:80', imagePortsList: null }).changes.runtime;
    expect(asText).toMatchObject({ portsText: 'a:80' });
    expect(asText).not.toHaveProperty('ports');
    expect(errorsOf({ imagePorts: 'a:80', imagePortsList })).toEqual(['NOT_ALLOWED imagePortsList']);
  });
});

describe('a problem of the content', () => {
  it.each([
    [['runtime', 'portsText', '1'], 'imagePorts'],
    [['runtime', 'ports', '1', 'name'], 'imagePortsList'],
    [['runtime', 'command', '0'], 'command'],
    [['runtime', 'configFilesText'], 'config'],
    [['algorithm', 'frameInterval'], 'frameInterval'],
    [['algorithm', 'name'], 'algoName'],
    [['labels', '0', 'key'], 'labels'],
    [['dependencies', '2'], 'dependencyServiceId'],
    [['namespace'], 'imageName'],
    [['name'], 'imageName'],
    [['tag'], 'imageTag'],
    [['workspaceId'], 'workspace'],
    [['configs', '0', 'name'], 'configs'],
    [['runtime'], null],
    [['status'], null],
    [[], null],
  ])('at %j is one of %s', (path, field) => {
    expect(fieldOfPath(path)).toBe(field);
  });

  it('stands with those of the record, but not for what could not be read', () => {
    const row = rowOf({ ...LEAST, cpuRequests: 'x' });
    const found = withContentErrors(row, [
      { code: 'REQUIRED', path: ['runtime', 'cpuRequests'], message: 'not told', details: null },
      {
        code: 'DUPLICATE',
        path: ['runtime', 'portsText', '1', 'name'],
        message: 'is there twice',
        details: null,
      },
      { code: 'TOO_LONG', path: ['displayName'], message: 'is too long', details: null },
    ]);
    expect(found).toEqual([
      ...row.errors,
      { field: 'imagePorts', code: 'DUPLICATE', message: 'at 1.name: is there twice' },
      { field: 'displayName', code: 'TOO_LONG', message: 'is too long' },
    ]);
  });
});
