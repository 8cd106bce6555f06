import { describe, expect, it } from 'vitest';
import {
  type BuildNetworkInput,
  type BuildResourceInput,
  limitsOf,
  resourceOf,
  type TargetRegistryInput,
  targetRegistryOf,
} from '../../src/build/request/build-resource.rules.ts';
import { Problems } from '../../src/shared/problems.ts';

const PUBLIC: BuildResourceInput = { ecsSpec: 'ecs.c6.large' };
const SUBSCRIPTION: BuildResourceInput = {
  quotaId: 'quotaadzoqup693z',
  type: 'LINGJUN',
  config: { cpu: '4', memory: '8Gi' },
};
const NETWORK: BuildNetworkInput = { vpcId: 'vpc-abcdef**', securityGroupId: 'sg-abcdef**' };

function read(resource: BuildResourceInput | null, network: BuildNetworkInput | null = null) {
  const problems = new Problems();
  const result = resourceOf(resource, network, problems);
  return { ...result, found: problems.all.map(({ code, path }) => `${code} ${path.join('.')}`), problems };
}
const foundIn = (resource: BuildResourceInput | null, network?: BuildNetworkInput | null) =>
  read(resource, network).found;

describe('what a build runs on', () => {
  it('may be left out: then there is no limit and nothing to say', () => {
    expect(read(null)).toMatchObject({
      resource: null,
      network: null,
      limits: { cpus: null, memoryBytes: null },
      recordedOnly: [],
      found: [],
    });
  });

  it('is the public resource group, kept as it was written and told to be only recorded', () => {
    const network = {
      ...NETWORK,
      switchId: 'vs-abcdef**',
      extendedCidrs: ['192.168.0.1/24', 'fd00::/64'],
      defaultRoute: 'eth1',
    };
    expect(read(PUBLIC, network)).toMatchObject({
      resource: { ecsSpec: 'ecs.c6.large', quotaId: null, type: null, config: null },
      network,
      limits: { cpus: null, memoryBytes: null },
      recordedOnly: [expect.stringMatching(/^resource\.ecsSpec is/), expect.stringMatching(/^network is/)],
      found: [],
    });
  });

  it('is a subscription, with or without a network, whose processors and memory are limits', () => {
    expect(read(SUBSCRIPTION)).toMatchObject({
      resource: { ...SUBSCRIPTION, ecsSpec: null },
      network: null,
      limits: { cpus: 4, memoryBytes: 8 * 2 ** 30 },
      recordedOnly: [expect.stringMatching(/^resource\.quotaId and type are/)],
      found: [],
    });
    expect(foundIn(SUBSCRIPTION, NETWORK)).toEqual([]);
  });

  it('may be a network alone', () => {
    expect(read(null, NETWORK)).toMatchObject({
      network: { ...NETWORK, switchId: null, extendedCidrs: [], defaultRoute: null },
      found: [],
    });
  });

  it.each<[string, BuildResourceInput, BuildNetworkInput | null, string[]]>([
    ['nothing', {}, null, ['REQUIRED resource']],
    [
      'blanks',
      { ecsSpec: '', quotaId: '', type: null, config: { cpu: '', memory: null } },
      null,
      ['REQUIRED resource'],
    ],
    ['the public group without a network', PUBLIC, null, ['REQUIRED network']],
    [
      'the public group with an empty network',
      PUBLIC,
      {},
      ['REQUIRED network.vpcId', 'REQUIRED network.securityGroupId'],
    ],
    [
      'limits alone',
      { config: { cpu: '4', memory: '8Gi' } },
      null,
      ['REQUIRED resource.quotaId', 'REQUIRED resource.type'],
    ],
    ['a quota alone', { quotaId: 'quota1' }, null, ['REQUIRED resource.type', 'REQUIRED resource.config']],
    ['a type alone', { type: 'LINGJUN' }, null, ['REQUIRED resource.quotaId', 'REQUIRED resource.config']],
    ['no memory', { ...SUBSCRIPTION, config: { cpu: '4' } }, null, ['REQUIRED resource.config.memory']],
    ['no processors', { ...SUBSCRIPTION, config: { memory: '8Gi' } }, null, ['REQUIRED resource.config.cpu']],
    [
      'both kinds',
      { ...PUBLIC, ...SUBSCRIPTION },
      NETWORK,
      ['NOT_ALLOWED resource.quotaId', 'NOT_ALLOWED resource.type', 'NOT_ALLOWED resource.config'],
    ],
    [
      'the public group with a quota and no network',
      { ...PUBLIC, quotaId: 'quota1' },
      null,
      ['NOT_ALLOWED resource.quotaId', 'REQUIRED network'],
    ],
    [
      'a whole subscription with an instance type besides',
      { ...PUBLIC, ...SUBSCRIPTION },
      null,
      ['NOT_ALLOWED resource.ecsSpec'],
    ],
  ])('is refused where it is %s', (_, resource, network, expected) => {
    expect(foundIn(resource, network).toSorted()).toEqual(expected.toSorted());
  });

  it('tells all that is wrong at once', () => {
    const resource = { ecsSpec: 'ecs c6', quotaId: 'x'.repeat(129), config: { cpu: 'four', memory: '1Mi' } };
    const network = { switchId: 'vs-1', extendedCidrs: [], defaultRoute: 'lo' };
    expect(foundIn(resource, network).toSorted()).toEqual([
      'NOT_ALLOWED network.defaultRoute',
      'NOT_ALLOWED resource.config',
      'NOT_ALLOWED resource.quotaId',
      'OUT_OF_RANGE resource.config.memory',
      'PATTERN resource.config.cpu',
      'PATTERN resource.ecsSpec',
      'REQUIRED network.extendedCidrs',
      'REQUIRED network.securityGroupId',
      'REQUIRED network.vpcId',
      'TOO_LONG resource.quotaId',
    ]);
  });
});

describe('processors and memory', () => {
  const limits = (cpu: string, memory: string) => read({ ...SUBSCRIPTION, config: { cpu, memory } });

  it.each([
    ['4', 4],
    ['0.5', 0.5],
    ['500m', 0.5],
    ['1m', 0.001],
    ['2.125', 2.125],
    ['1024', 1024],
  ])('%s is %d processors', (cpu, cpus) => {
    expect(limits(cpu, '8Gi')).toMatchObject({ limits: { cpus }, found: [] });
  });

  it.each([
    ['8Gi', 8 * 2 ** 30],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['512Mi', 2 ** 29],
    ['4096Ki', 2 ** 22],
    ['2G', 2e9],
    ['8000k', 8e6],
    ['4194304', 4_194_304],
    ['1Pi', 2 ** 50],
    ['0.1Gi', 107_374_183],
  ])('%s is %d bytes', (memory, memoryBytes) => {
    expect(limits('4', memory)).toMatchObject({ limits: { memoryBytes }, found: [] });
  });

  it.each(['', ' 4', '4 ', '-1', '+4', '4c', '4k', '1e3', '.5', '0.0001', '0.5m', 'NaN', '٤', '4\n'])(
    'cpu is not %j',
    (cpu) => {
      expect(limits(cpu, '8Gi').found).toEqual([
        cpu === '' ? 'REQUIRED resource.config.cpu' : 'PATTERN resource.config.cpu',
      ]);
    },
  );
  it.each(['8GB', '8g', '8 Gi', '8gi', '8K', '8m', '-8Gi', '8e9', '0x8', 'Gi', '8Gi\n', '1'.repeat(17)])(
    'memory is not %j',
    (memory) => {
      expect(limits('4', memory).found).toEqual(['PATTERN resource.config.memory']);
    },
  );
  it.each([
    ['0', '8Gi', 'cpu'],
    ['0m', '8Gi', 'cpu'],
    ['1024.001', '8Gi', 'cpu'],
    ['4', '0', 'memory'],
    ['4', '4194303', 'memory'],
    ['4', '1.001Pi', 'memory'],
  ])('%s processors with %s of memory are out of range: %s', (cpu, memory, field) => {
    const { found, problems } = limits(cpu, memory);
    expect(found).toEqual([`OUT_OF_RANGE resource.config.${field}`]);
    expect(problems.all[0]?.details).toEqual({ min: expect.any(Number), max: expect.any(Number) });
  });

  it('are read again from what was kept', () => {
    const { resource, limits: first } = read(SUBSCRIPTION);
    expect(limitsOf(resource)).toEqual(first);
    expect(limitsOf(null)).toEqual({ cpus: null, memoryBytes: null });
    expect(limitsOf(read(PUBLIC, NETWORK).resource)).toEqual({ cpus: null, memoryBytes: null });
  });
});

describe('a network', () => {
  const cidrs = (...extendedCidrs: string[]) => foundIn(null, { ...NETWORK, extendedCidrs });

  it.each<[BuildNetworkInput, string[]]>([
    [{ vpcId: 'vpc-1' }, ['REQUIRED network.securityGroupId']],
    [{ securityGroupId: 'sg-1' }, ['REQUIRED network.vpcId']],
    [{ ...NETWORK, switchId: 'vs-1' }, ['REQUIRED network.extendedCidrs']],
    [{ ...NETWORK, vpcId: 'vpc 1' }, ['PATTERN network.vpcId']],
    [{ ...NETWORK, vpcId: 'vpc-\0' }, ['INVALID network.vpcId']],
    [{ ...NETWORK, defaultRoute: 'eth0' }, []],
    [{ ...NETWORK, defaultRoute: 'ETH1' }, ['NOT_ALLOWED network.defaultRoute']],
    [{ ...NETWORK, switchId: '', defaultRoute: '', extendedCidrs: null }, []],
  ])('of %j: %j', (network, expected) => {
    expect(foundIn(null, network)).toEqual(expected);
  });

  it.each(['10.0.0.0/24', '192.168.0.1/24', '0.0.0.0/0', '10.1.2.3/32', '::/0', '2001:db8::1/128'])(
    'has the CIDR block %s',
    (cidr) => expect(cidrs(cidr)).toEqual([]),
  );
  it.each([
    ...['', '10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/08', '10/8', '010.0.0.0/8', '0x0a.0.0.0/8'],
    ...[
      '10.0.0.0/24 ',
      '10.0.0.256/24',
      '::/129',
      'fe80::1%eth0/64',
      'g::/8',
      '10.0.0.0/24\n',
      'x'.repeat(1e6),
    ],
  ])('has no CIDR block %.40j', (cidr) => {
    expect(cidrs('10.0.0.0/8', cidr)).toEqual(['CIDR_INVALID network.extendedCidrs.1']);
  });
  it('names no CIDR block twice, however it is spelt, and at most 100', () => {
    expect(cidrs('10.0.0.1/24', '10.0.0.0/24', '10.0.0.0/25')).toEqual(['DUPLICATE network.extendedCidrs.1']);
    expect(cidrs('FD00::/8', 'fd00:0::/8')).toEqual(['DUPLICATE network.extendedCidrs.1']);
    const many = Array.from({ length: 101 }, (_, index) => `10.0.${index}.0/24`);
    expect(cidrs(...many.slice(1))).toEqual([]);
    expect(cidrs(...many)).toEqual(['TOO_MANY network.extendedCidrs']);
  });
});

describe('a target registry', () => {
  const target = (input: TargetRegistryInput | null) => {
    const problems = new Problems();
    const result = targetRegistryOf(input, problems);
    return { ...result, found: problems.all.map(({ code, path }) => `${code} ${path.join('.')}`) };
  };

  it.each<[TargetRegistryInput | null, unknown, number, string[]]>([
    [null, null, 0, []],
    [{ type: 'OCI' }, { type: 'OCI', instanceId: null }, 0, []],
    [
      { type: 'ACR_ENTERPRISE', instanceId: 'cri-**abcd' },
      { type: 'ACR_ENTERPRISE', instanceId: 'cri-**abcd' },
      1,
      [],
    ],
    [{ type: 'ACR_ENTERPRISE' }, expect.anything(), 1, ['REQUIRED targetRegistry.instanceId']],
    [
      { type: 'ACR_ENTERPRISE', instanceId: '' },
      expect.anything(),
      1,
      ['REQUIRED targetRegistry.instanceId'],
    ],
    [
      { type: 'ACR_ENTERPRISE', instanceId: 'abc' },
      expect.anything(),
      1,
      ['PATTERN targetRegistry.instanceId'],
    ],
    [{ type: 'OCI', instanceId: 'cri-1' }, expect.anything(), 0, ['NOT_ALLOWED targetRegistry.instanceId']],
  ])('of %j', (input, targetRegistry, notes, found) => {
    expect(target(input)).toEqual({ targetRegistry, found, recordedOnly: expect.any(Array) });
    expect(target(input).recordedOnly).toHaveLength(notes);
  });
});

describe('what the operator gives any build', () => {
  const most = { memoryBytes: 2 ** 30, cpus: 2 };
  const asking = (cpu: string | null, memory: string | null) => ({
    ecsSpec: null,
    quotaId: null,
    type: null,
    config: { cpu, memory },
  });

  it.each([
    ['a build that asks for nothing', null, most],
    ['one that asks for more', asking('64', '64Gi'), most],
    ['one that asks for less', asking('500m', '64Mi'), { cpus: 0.5, memoryBytes: 64 * 2 ** 20 }],
    ['one that asks for less of one', asking('1', null), { cpus: 1, memoryBytes: 2 ** 30 }],
  ])('is the most that it gets: %s', (_, resource, expected) => {
    expect(limitsOf(resource, most)).toEqual(expected);
  });
});
