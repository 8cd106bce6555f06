import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ParseList,
  type PrintList,
  parseConfigFiles,
  parseEnv,
  parseHostPaths,
  parseMounts,
  parsePorts,
  parseSubPaths,
  printConfigFiles,
  printEnv,
  printHostPaths,
  printMounts,
  printPorts,
  printSubPaths,
} from '../../src/image/content/runtime-texts.rules.ts';
import { Problems } from '../../src/shared/problems.ts';
import { codesOf, problemsOf } from '../support/problems.ts';

const FORMS = {
  ports: [parsePorts, printPorts],
  env: [parseEnv, printEnv],
  mounts: [parseMounts, printMounts],
  configFiles: [parseConfigFiles, printConfigFiles],
  subPaths: [parseSubPaths, printSubPaths],
  hostPaths: [parseHostPaths, printHostPaths],
} as unknown as Record<string, readonly [ParseList<unknown>, PrintList<unknown>]>;
type FormName = 'ports' | 'env' | 'mounts' | 'configFiles' | 'subPaths' | 'hostPaths';

function parse(form: FormName, text: string): unknown[] {
  const problems = new Problems();
  const list = (FORMS[form] as (typeof FORMS)[string])[0](text, ['runtime', 'text'], problems);
  expect(problems.all).toEqual([]);
  return list;
}
const print = (form: FormName, list: readonly unknown[]) => (FORMS[form] as (typeof FORMS)[string])[1](list);
const wrongWith = (form: FormName, text: string) =>
  codesOf((problems) => (FORMS[form] as (typeof FORMS)[string])[0](text, ['text'], problems));

describe("the document's own texts", () => {
  const nvcuvid = '/usr/lib64/libnvcuvid.so:/usr/lib/x86_64-linux-gnu/libnvcuvid.so.1';
  const encode = '/usr/lib64/libnvidia-encode.so.1:/usr/lib/x86_64-linux-gnu/libnvidia-encode.so.1';
  it.each<[FormName, string, unknown[]]>([
    [
      'ports',
      'service1:5016:30016,service2:5017:30017,service:8888',
      [
        { name: 'service1', containerPort: 5016, nodePort: 30016 },
        { name: 'service2', containerPort: 5017, nodePort: 30017 },
        { name: 'service', containerPort: 8888, nodePort: null },
      ],
    ],
    ['env', 'ent:3er', [{ name: 'ent', value: '3er' }]],
    [
      'env',
      'CVSIP:172.38.90.52,CVSPORT:11112',
      [
        { name: 'CVSIP', value: '172.38.90.52' },
        { name: 'CVSPORT', value: '11112' },
      ],
    ],
    ['mounts', '/vse/logs,/vse/coredump,/data/videos', ['/vse/logs', '/vse/coredump', '/data/videos']],
    ['mounts', '/home/realtimetest/LOG,/data', ['/home/realtimetest/LOG', '/data']],
    [
      'configFiles',
      '/etc/fdfs/client.conf,/app/application-linedrawing.properties',
      ['/etc/fdfs/client.conf', '/app/application-linedrawing.properties'],
    ],
    [
      'subPaths',
      `${nvcuvid},${encode}`,
      [
        {
          source: '/usr/lib64/libnvcuvid.so',
          destination: '/usr/lib/x86_64-linux-gnu/libnvcuvid.so.1',
        },
        {
          source: '/usr/lib64/libnvidia-encode.so.1',
          destination: '/usr/lib/x86_64-linux-gnu/libnvidia-encode.so.1',
        },
      ],
    ],
    ['hostPaths', '/home:/home', [{ source: '/home', destination: '/home' }]],
  ])('of %s are read, and written as they were: %s', (form, text, list) => {
    expect(parse(form, text)).toEqual(list);
    expect(print(form, list)).toEqual({ text });
  });
});

describe('a text', () => {
  it.each(Object.keys(FORMS) as FormName[])(
    'of no %s is blank, and none at all once it is written',
    (form) => {
      expect(parse(form, '')).toEqual([]);
      expect(parse(form, ' \n')).toEqual([]);
      expect(print(form, [])).toEqual({ text: null });
    },
  );

  it('may have blanks around its entries', () => {
    expect(parse('mounts', ' /a ,\n/b b')).toEqual(['/a', '/b b']);
    expect(parse('ports', ' a:1 , b:2:3 ')).toHaveLength(2);
  });

  it('parts a variable at the first colon', () => {
    expect(parse('env', 'URL:http://a:80/,EMPTY:')).toEqual([
      { name: 'URL', value: 'http://a:80/' },
      { name: 'EMPTY', value: '' },
    ]);
  });

  it.each<[FormName, string, string[]]>([
    ['ports', 'a', ['INVALID text.0']],
    ['ports', 'a:', ['INVALID text.0']],
    ['ports', 'a:b', ['INVALID text.0']],
    ['ports', 'a:1:', ['INVALID text.0']],
    ['ports', 'a:1:2:3', ['INVALID text.0']],
    ['ports', 'a:-1', ['INVALID text.0']],
    ['ports', 'a:1.5', ['INVALID text.0']],
    ['ports', 'a:0x10', ['INVALID text.0']],
    ['ports', 'a:1,,b:2,', ['INVALID text.1', 'INVALID text.3']],
    ['env', 'A', ['INVALID text.0']],
    ['env', 'A:1,B,C:2,D', ['INVALID text.1', 'INVALID text.3']],
    ['mounts', ',', ['INVALID text.0', 'INVALID text.1']],
    ['configFiles', '/a,,/b', ['INVALID text.1']],
    ['subPaths', '/a', ['INVALID text.0']],
    ['subPaths', '/a:/b:/c', ['INVALID text.0']],
    ['hostPaths', '/a:/b,/c', ['INVALID text.1']],
  ])('of %s is refused: %s', (form, text, expected) => {
    expect(wrongWith(form, text)).toEqual(expected);
  });

  it('with an entry that cannot be read has the others checked where they stand', () => {
    expect(wrongWith('ports', 'a,b:0,c:70000:1,b:2')).toEqual([
      'INVALID text.0',
      'OUT_OF_RANGE text.1.containerPort',
      'OUT_OF_RANGE text.2.containerPort',
      'DUPLICATE text.3.name',
    ]);
    expect(wrongWith('mounts', ',home,/a/..,/b,/b/')).toEqual([
      'INVALID text.0',
      'INVALID text.1',
      'INVALID text.2',
      'DUPLICATE text.4',
    ]);
    expect(wrongWith('env', 'A,1:2,LD_PRELOAD:x')).toEqual([
      'INVALID text.0',
      'PATTERN text.1.name',
      'NOT_ALLOWED text.2.name',
    ]);
    expect(wrongWith('subPaths', '/a,/b:c,/d:/e,/f:/e')).toEqual([
      'INVALID text.0',
      'INVALID text.1.destination',
      'DUPLICATE text.3.destination',
    ]);
  });

  it('says how an entry is written, and quotes only the beginning of a long one', () => {
    const [problem] = problemsOf((problems) => parsePorts('x'.repeat(10_000), [], problems));
    expect(problem?.message).toMatch(/^cannot read "x{100}…"; an entry is name:containerPort/);
  });

  it('has a largest size, and a longer one is not looked through', () => {
    expect(parse('mounts', Array.from({ length: 256 }, (_, index) => `/${index}`).join())).toHaveLength(256);
    expect(wrongWith('mounts', ','.repeat(256))).toEqual(['TOO_MANY text']);
    expect(wrongWith('ports', ','.repeat(300_000))).toEqual(['TOO_MANY text']);
  });
});

describe('a list that no text can say', () => {
  const FINE = {
    ports: 'http:80',
    env: 'NAME:value',
    mounts: '/x',
    configFiles: '/x',
    subPaths: '/x:/y',
    hostPaths: '/x:/y',
  };
  it.each<[FormName, unknown, string]>([
    ['env', { name: 'A', value: '1,2' }, 'entry 1 holds a comma, which the text form cannot say'],
    [
      'env',
      { name: 'A', value: 'x ' },
      'entry 1 begins or ends with a blank, which the text form cannot say',
    ],
    ['ports', { name: 'a:b', containerPort: 1, nodePort: null }, 'entry 1 holds a colon in its name or path'],
    ['ports', { name: 'a,b', containerPort: 1, nodePort: null }, 'entry 1 holds a comma'],
    ['mounts', '/a,b', 'entry 1 holds a comma'],
    ['configFiles', '/a ', 'entry 1 begins or ends with a blank'],
    ['mounts', '', 'entry 1 is empty'],
    ['subPaths', { source: '/a:b', destination: '/c' }, 'entry 1 holds a colon in its name or path'],
    ['hostPaths', { source: '/a', destination: '/b:c' }, 'entry 1 holds a colon in its name or path'],
  ])('of %s says why: %j', (form, entry, problem) => {
    const [fine] = parse(form, FINE[form]);
    expect(print(form, [fine, entry])).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('is not one with a colon where colons are allowed', () => {
    expect(print('mounts', ['/a:b'])).toEqual({ text: '/a:b' });
    expect(print('env', [{ name: 'A', value: ':1:2' }])).toEqual({ text: 'A::1:2' });
  });
});

describe('any list', () => {
  const part = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('a', '/', ':', ',', ' ', '\n', '.', '抽') }),
  );
  const port = fc.nat({ max: 70_000 });
  const mapping = fc.record({ source: part, destination: part });
  const ENTRIES: Record<FormName, fc.Arbitrary<unknown>> = {
    ports: fc.record({ name: part, containerPort: port, nodePort: fc.option(port) }),
    env: fc.record({ name: part, value: part }),
    mounts: part,
    configFiles: part,
    subPaths: mapping,
    hostPaths: mapping,
  };

  it.each(Object.keys(FORMS) as FormName[])('of %s that has a text is what is read from it', (form) => {
    let written = 0;
    fc.assert(
      fc.property(fc.array(ENTRIES[form], { maxLength: 4 }), (list) => {
        const printed = print(form, list);
        if ('problem' in printed) return;
        written += 1;
        expect(parse(form, printed.text ?? '')).toEqual(list);
      }),
      { numRuns: 1000 },
    );
    expect(written).toBeGreaterThan(50);
  });

  it.each(Object.keys(FORMS) as FormName[])('of %s has one text, whatever it was read from', (form) => {
    const noise = fc.string({
      unit: fc.constantFrom('a', 'B', '/', ':', ',', ' ', '1', '0', '-', '抽', '\n'),
    });
    fc.assert(
      fc.property(noise, (text) => {
        const problems = new Problems();
        const list = (FORMS[form] as (typeof FORMS)[string])[0](text, [], problems);
        if (problems.any) {
          expect(list).toEqual([]);
          return;
        }
        const printed = print(form, list);
        if (!('text' in printed)) throw new Error(printed.problem);
        expect(parse(form, printed.text ?? '')).toEqual(list);
        expect(print(form, parse(form, printed.text ?? ''))).toEqual(printed);
        // What is written without anything superfluous comes out as it went in.
        const canonical = !/\s|:0\d/.test(text);
        if (canonical) expect(printed.text ?? '').toBe(text);
      }),
      { numRuns: 1000 },
    );
  });
});
