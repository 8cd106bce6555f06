import { describe, expect, it } from 'vitest';
import { type ImageRuntime, NO_RUNTIME } from '../../src/image/content/image-content.ts';
import { checkRuntime } from '../../src/image/content/runtime.rules.ts';
import { codesOf, problemsOf } from '../support/problems.ts';

const wrongWith = (runtime: Partial<ImageRuntime>) =>
  codesOf((problems) => checkRuntime({ ...NO_RUNTIME, ...runtime }, ['runtime'], problems)).map((found) =>
    found.replace('runtime.', ''),
  );
const many = <T>(length: number, entry: (index: number) => T): T[] =>
  Array.from({ length }, (_, i) => entry(i));
const port = (name: string, containerPort: number, nodePort: number | null = null) => ({
  name,
  containerPort,
  nodePort,
});
const variable = (name: string, value = '') => ({ name, value });
const mapping = (source: string, destination: string) => ({ source, destination });

describe('a runtime', () => {
  it('may say nothing', () => {
    expect(wrongWith({})).toEqual([]);
  });

  it("may say all that the document's example says", () => {
    expect(
      wrongWith({
        command: ['/home/realtimetest/project/restart.sh'],
        args: ['/home/realtimetest/start.sh'],
        workingDir: '/home',
        env: [variable('ent', '3er')],
        ports: [port('service1', 5016, 30016), port('service2', 5017, 30017), port('service', 8888)],
        mounts: ['/vse/logs', '/vse/coredump', '/data/videos'],
        configFiles: ['/etc/fdfs/client.conf', '/app/application-linedrawing.properties'],
        subPaths: [mapping('/usr/lib64/libnvcuvid.so', '/usr/lib/x86_64-linux-gnu/libnvcuvid.so.1')],
        hostPaths: [mapping('/home', '/home')],
        cpuRequests: 1000,
        gpuRequests: 1000,
        memRequests: 1000,
      }),
    ).toEqual([]);
  });

  it('is told of everything that is wrong at once', () => {
    expect(
      wrongWith({
        command: ['\u0000'],
        workingDir: 'home',
        env: [variable('1')],
        ports: [port('', 0)],
        mounts: ['logs'],
        configFiles: ['/a/../b'],
        subPaths: [mapping('a', 'b')],
        hostPaths: [mapping('/', '')],
        cpuRequests: -1,
        gpuRequests: 2 ** 31,
        memRequests: 0.5,
        pvcSize: Number.NaN,
      }),
    ).toEqual([
      'INVALID command.0',
      'INVALID workingDir',
      'PATTERN env.0.name',
      'REQUIRED ports.0.name',
      'OUT_OF_RANGE ports.0.containerPort',
      'INVALID mounts.0',
      'INVALID configFiles.0',
      'INVALID subPaths.0.source',
      'INVALID subPaths.0.destination',
      'REQUIRED hostPaths.0.destination',
      'OUT_OF_RANGE cpuRequests',
      'OUT_OF_RANGE gpuRequests',
      'OUT_OF_RANGE memRequests',
      'OUT_OF_RANGE pvcSize',
    ]);
  });
});

describe('ports', () => {
  it.each([
    [[port('a', 1, 65_535), port('b', 65_535, 1)], []],
    [[port('a', 0, 65_536)], ['OUT_OF_RANGE ports.0.containerPort', 'OUT_OF_RANGE ports.0.nodePort']],
    [[port('a', -1, 0)], ['OUT_OF_RANGE ports.0.containerPort', 'OUT_OF_RANGE ports.0.nodePort']],
    [[port('a', 80.5)], ['OUT_OF_RANGE ports.0.containerPort']],
    [[port('a', Number.POSITIVE_INFINITY)], ['OUT_OF_RANGE ports.0.containerPort']],
    [[port('a', 1), port('b', 2), port('a', 3)], ['DUPLICATE ports.2.name']],
    [[port('a', 1, 9), port('b', 2, 9)], ['DUPLICATE ports.1.nodePort']],
    [[port('a', 80), port('b', 80)], []],
    [
      [port('', 1), port('', 2)],
      ['REQUIRED ports.0.name', 'REQUIRED ports.1.name'],
    ],
    [[port('端口', 1), port('a:b,c', 2)], []],
    [[port('a\nb', 1)], ['INVALID ports.0.name']],
    [[port('__proto__', 1), port('constructor', 2)], []],
  ])('%#: %j', (ports, expected) => {
    expect(wrongWith({ ports })).toEqual(expected);
  });

  it('name their limits', () => {
    const [problem] = problemsOf((problems) =>
      checkRuntime({ ...NO_RUNTIME, ports: [port('a', 0)] }, [], problems),
    );
    expect(problem?.details).toEqual({ min: 1, max: 65_535 });
  });
});

describe('environment variables', () => {
  it.each([
    [[variable('ent', '3er'), variable('CVSIP', '172.38.90.52')], []],
    [[variable('_a.b-c9', 'a,b:c=d\n\t{{x}}')], []],
    [[variable('a'), variable('A')], []],
    [[variable('a'), variable('a')], ['DUPLICATE env.1.name']],
    [[variable('')], ['REQUIRED env.0.name']],
    [
      [variable('9'), variable('a=b'), variable('é'), variable('a ')],
      [0, 1, 2, 3].map((i) => `PATTERN env.${i}.name`),
    ],
    [
      [variable('LD_PRELOAD'), variable('BASH_ENV'), variable('NODE_OPTIONS')],
      [0, 1, 2].map((i) => `NOT_ALLOWED env.${i}.name`),
    ],
    [[variable('a', '\u0000')], ['INVALID env.0.value']],
    [[variable('a', '\ud83d')], ['INVALID env.0.value']],
    [[variable('a', '🚀'.repeat(32_768))], []],
    [[variable('a', '🚀'.repeat(32_769))], ['TOO_LONG env.0.value']],
    [[variable('a'.repeat(257))], ['TOO_LONG env.0.name']],
  ])('%#', (env, expected) => {
    expect(wrongWith({ env })).toEqual(expected);
  });
});

describe('a path', () => {
  it.each([
    ['/', []],
    ['/a b/,:/日志', []],
    ['/...', []],
    ['/a/..b', []],
    ['', ['REQUIRED workingDir']],
    ['a', ['INVALID workingDir']],
    ['./a', ['INVALID workingDir']],
    ['/..', ['INVALID workingDir']],
    ['/a/../b', ['INVALID workingDir']],
    ['..', ['INVALID workingDir', 'INVALID workingDir']],
    ['/a\n', ['INVALID workingDir']],
    ['/a\t', ['INVALID workingDir']],
    ['/a\u0000', ['INVALID workingDir']],
    ['/a\u007f', ['INVALID workingDir']],
    ['/\ude80', ['INVALID workingDir']],
    [`/${'🚀'.repeat(4095)}`, []],
    [`/${'🚀'.repeat(4096)}`, ['TOO_LONG workingDir']],
  ])('%#: %j', (workingDir, expected) => {
    expect(wrongWith({ workingDir })).toEqual(expected);
  });

  it.each(['/a/', '//a', '/./a', '/a//', '/a'])('/a is the same place as %s', (other) => {
    expect(wrongWith({ mounts: ['/a', '/b', other] })).toEqual(['DUPLICATE mounts.2']);
    expect(wrongWith({ configFiles: ['/a', other] })).toEqual(['DUPLICATE configFiles.1']);
    expect(wrongWith({ subPaths: [mapping('/x', '/a'), mapping('/y', other)] })).toEqual([
      'DUPLICATE subPaths.1.destination',
    ]);
    expect(wrongWith({ hostPaths: [mapping('/x', '/a'), mapping('/x', other)] })).toEqual([
      'DUPLICATE hostPaths.1.destination',
    ]);
  });

  it('may be seen at two places', () => {
    expect(wrongWith({ hostPaths: [mapping('/x', '/a'), mapping('/x', '/b')] })).toEqual([]);
  });
});

describe('command and arguments', () => {
  it.each([
    [{ command: ['python3', '', '{{inputs.a}}\n'], args: [''] }, []],
    [{ args: ['', ' '] }, []],
    [{ command: [''] }, ['REQUIRED command.0']],
    [{ command: ['  ', 'a'] }, ['REQUIRED command.0']],
    [{ args: ['\u001b'] }, ['INVALID args.0']],
    [{ command: ['a', 'x'.repeat(32_769)] }, ['TOO_LONG command.1']],
  ])('%#', (runtime, expected) => {
    expect(wrongWith(runtime)).toEqual(expected);
  });
});

describe('a list', () => {
  it.each<[string, (index: number) => unknown]>([
    ['command', (i) => `${i}`],
    ['args', (i) => `${i}`],
    ['env', (i) => variable(`a${i}`)],
    ['ports', (i) => port(`a${i}`, 1)],
    ['mounts', (i) => `/${i}`],
    ['configFiles', (i) => `/${i}`],
    ['subPaths', (i) => mapping('/', `/${i}`)],
    ['hostPaths', (i) => mapping('/', `/${i}`)],
  ])('of %s has at most 256 entries, and a longer one is not looked through', (name, entry) => {
    expect(wrongWith({ [name]: many(256, entry) })).toEqual([]);
    expect(wrongWith({ [name]: many(257, entry) })).toEqual([`TOO_MANY ${name}`]);
    expect(wrongWith({ [name]: many(1000, () => entry(0)) })).toEqual([`TOO_MANY ${name}`]);
  });

  it('says how many there may be and are', () => {
    const runtime = { ...NO_RUNTIME, mounts: many(300, () => '/') };
    const [problem] = problemsOf((problems) => checkRuntime(runtime, [], problems));
    expect(problem?.details).toEqual({ max: 256, current: 300 });
  });
});

describe('resources', () => {
  it.each(['cpuRequests', 'gpuRequests', 'memRequests', 'pvcSize'] as const)('%s: 0 is a value', (name) => {
    expect(wrongWith({ [name]: 0 })).toEqual([]);
    expect(wrongWith({ [name]: 2 ** 31 - 1 })).toEqual([]);
    expect(wrongWith({ [name]: 2 ** 31 })).toEqual([`OUT_OF_RANGE ${name}`]);
    expect(wrongWith({ [name]: -1 })).toEqual([`OUT_OF_RANGE ${name}`]);
  });
});
