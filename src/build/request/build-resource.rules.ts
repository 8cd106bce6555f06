import ipaddr from 'ipaddr.js';
import type { BuildResourceType, RegistryType } from '../../shared/enums.ts';
import { excerpt } from '../../shared/excerpt.ts';
import type { Problems } from '../../shared/problems.ts';
import { checkText } from '../../shared/text.rules.ts';
import type { BuildNetwork, BuildResource, TargetRegistry } from '../build.entity.ts';

export interface BuildResourceInput {
  readonly ecsSpec?: string | null | undefined;
  readonly quotaId?: string | null | undefined;
  readonly type?: BuildResourceType | null | undefined;
  readonly config?: ResourceConfigInput | null | undefined;
}
export interface ResourceConfigInput {
  readonly cpu?: string | null | undefined;
  readonly memory?: string | null | undefined;
}
export interface BuildNetworkInput {
  readonly vpcId?: string | null | undefined;
  readonly switchId?: string | null | undefined;
  readonly securityGroupId?: string | null | undefined;
  readonly extendedCidrs?: readonly string[] | null | undefined;
  readonly defaultRoute?: string | null | undefined;
}
export interface TargetRegistryInput {
  readonly type: RegistryType;
  readonly instanceId?: string | null | undefined;
}

/** What each step of a build may use; `null`: as much as there is. */
export interface BuildLimits {
  readonly memoryBytes: number | null;
  readonly cpus: number | null;
}

const MAX_ID = 128;
const MAX_CIDRS = 100;
const DEFAULT_ROUTES: readonly string[] = ['eth0', 'eth1'];
/** The documents' own example ids are masked with asterisks. */
const ACR_INSTANCE = /^cri-[A-Za-z0-9*-]{1,124}$/;

/** Kubernetes' quantities without their exponents: `4`, `0.5`, `500m`. */
const CPU = /^\d{1,9}(?:m|\.\d{1,3})?$/;
const MAX_CPUS = 1024;
/** Kubernetes' quantities without their exponents: `8Gi`, `512Mi`, `2G`, `1.5Gi`, `4194304`. */
const MEMORY = /^(\d{1,16}(?:\.\d{1,3})?)([kMGTP]|[KMGTP]i)?$/;
/** The place of each is its power of 1000 or 1024. */
const UNITS = ['', 'k', 'm', 'g', 't', 'p'];
/** What Docker asks for: with less, no process starts. */
const MIN_MEMORY = 4 * 2 ** 20;
const MAX_MEMORY = 2 ** 50;

const ECS_SPEC_NOTE =
  'resource.ecsSpec is recorded, but this server builds on its own engine, not on a rented instance';
const SUBSCRIPTION_NOTE =
  'resource.quotaId and type are recorded, but this server builds on its own engine, not on a subscription';
const NETWORK_NOTE = "network is recorded, but this server's engine builds in its own network";
const REGISTRY_NOTE = "targetRegistry is recorded, but images go to this server's own registry";

/**
 * Checks what a build is to run on: S3's `Resource` and `UserVpc`, by S3's rules.
 *
 * A resource is one of two kinds. The public resource group: `ecsSpec` and a network, and nothing of the other kind. A
 * subscription: `quotaId`, `type` and `config` with cpu and memory, and no `ecsSpec`; a network is optional. A network
 * always has a VPC and its security group, and a vSwitch its CIDR blocks. Blank texts and a `config` without values count as
 * left out.
 *
 * @returns what is kept, as it was written; the limits in bytes and processors (0.5: half of one); and sentences for the
 *   payload's warnings about what this server records without acting on it. Everything that is wrong is in `problems`
 */
export function resourceOf(
  resource: BuildResourceInput | null | undefined,
  network: BuildNetworkInput | null | undefined,
  problems: Problems,
): {
  resource: BuildResource | null;
  network: BuildNetwork | null;
  limits: BuildLimits;
  recordedOnly: string[];
} {
  const keptResource = resource ? readResource(resource, problems) : null;
  const keptNetwork = network ? readNetwork(network, problems) : null;
  if (keptResource !== null) checkKind(keptResource, keptNetwork !== null, problems);
  if (keptResource?.config) checkConfig(keptResource.config, problems);
  return {
    resource: keptResource,
    network: keptNetwork,
    limits: limitsOf(keptResource),
    recordedOnly: [
      ...(keptResource?.ecsSpec ? [ECS_SPEC_NOTE] : []),
      ...(keptResource?.quotaId || keptResource?.type ? [SUBSCRIPTION_NOTE] : []),
      ...(keptNetwork ? [NETWORK_NOTE] : []),
    ],
  };
}

const NO_LIMITS: BuildLimits = { memoryBytes: null, cpus: null };

/**
 * The limits that a kept resource asks for; a quantity that cannot be read, which none is that was checked, is no limit.
 *
 * @param most what the operator gives any build
 */
export function limitsOf(resource: BuildResource | null, most: BuildLimits = NO_LIMITS): BuildLimits {
  const { cpu = null, memory = null } = resource?.config ?? {};
  return {
    cpus: lower(cpusOf(cpu), most.cpus),
    memoryBytes: lower(memoryBytesOf(memory), most.memoryBytes),
  };
}

const lower = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? (one ?? other) : Math.min(one, other);

/**
 * Checks where a built image is to be pushed by S3's `TargetRegistry`.
 *
 * @returns what is kept, and sentences for the payload's warnings; everything that is wrong is in `problems`
 */
export function targetRegistryOf(
  input: TargetRegistryInput | null | undefined,
  problems: Problems,
): { targetRegistry: TargetRegistry | null; recordedOnly: string[] } {
  if (!input) return { targetRegistry: null, recordedOnly: [] };
  const { type } = input;
  const instanceId = given(input.instanceId);
  const at = ['targetRegistry', 'instanceId'];
  if (type === 'OCI') {
    if (instanceId !== null) {
      problems.add('NOT_ALLOWED', at, 'only ACR_ENTERPRISE has instances: leave it out, or change the type');
    }
    return { targetRegistry: { type, instanceId }, recordedOnly: [] };
  }
  if (instanceId === null) {
    problems.add('REQUIRED', at, 'ACR_ENTERPRISE needs the id of its instance, e.g. cri-abcd1234');
  } else if (!ACR_INSTANCE.test(instanceId)) {
    const message = `${quoted(instanceId)} is not the id of an instance: cri- with letters and digits behind it`;
    problems.add('PATTERN', at, message, { pattern: ACR_INSTANCE.source });
  }
  return { targetRegistry: { type, instanceId }, recordedOnly: [REGISTRY_NOTE] };
}

function readResource(resource: BuildResourceInput, problems: Problems): BuildResource {
  const cpu = given(resource.config?.cpu);
  const memory = given(resource.config?.memory);
  return {
    ecsSpec: readId(resource.ecsSpec, ['resource', 'ecsSpec'], problems),
    quotaId: readId(resource.quotaId, ['resource', 'quotaId'], problems),
    type: resource.type ?? null,
    config: cpu === null && memory === null ? null : { cpu, memory },
  };
}

/** S3's table: what each kind of resource must have, and what it may not. */
function checkKind(
  { ecsSpec, quotaId, type, config }: BuildResource,
  hasNetwork: boolean,
  problems: Problems,
): void {
  const required = (path: readonly string[], message: string) => problems.add('REQUIRED', path, message);
  const notAllowed = (field: string, message: string) =>
    problems.add('NOT_ALLOWED', ['resource', field], message);
  if (ecsSpec === null && quotaId === null && type === null && config === null) {
    const kinds =
      'give ecsSpec and a network (the public resource group), or quotaId, type and config (a subscription)';
    required(['resource'], kinds);
    return;
  }
  const isWholeSubscription = quotaId !== null && type !== null && config !== null;
  if (ecsSpec !== null && (hasNetwork || !isWholeSubscription)) {
    const message =
      'belongs to a subscription, and ecsSpec asks for the public resource group: leave one out';
    for (const [field, value] of Object.entries({ quotaId, type, config })) {
      if (value !== null) notAllowed(field, message);
    }
    if (!hasNetwork) {
      required(['network'], 'the public resource group needs a network: give vpcId and securityGroupId');
    }
    return;
  }
  if (ecsSpec !== null) {
    notAllowed(
      'ecsSpec',
      'belongs to the public resource group, and quotaId asks for a subscription: leave one out',
    );
  }
  if (quotaId === null) required(['resource', 'quotaId'], "a subscription needs its quota's id");
  if (type === null) required(['resource', 'type'], 'a subscription needs its type: LINGJUN');
  if (config === null) {
    required(
      ['resource', 'config'],
      'a subscription needs what the build may use, e.g. cpu 4 and memory 8Gi',
    );
  } else {
    const at = (field: string) => ['resource', 'config', field];
    if (config.cpu === null) required(at('cpu'), 'say how many processors the build may use, e.g. 4');
    if (config.memory === null) required(at('memory'), 'say how much memory the build may use, e.g. 8Gi');
  }
}

function readNetwork(network: BuildNetworkInput, problems: Problems): BuildNetwork {
  const idAt = (field: 'vpcId' | 'switchId' | 'securityGroupId') =>
    readId(network[field], ['network', field], problems);
  const [vpcId, switchId, securityGroupId] = [idAt('vpcId'), idAt('switchId'), idAt('securityGroupId')];
  const extendedCidrs = network.extendedCidrs ?? [];
  const defaultRoute = given(network.defaultRoute);
  if (vpcId === null)
    problems.add('REQUIRED', ['network', 'vpcId'], 'a network is inside a VPC: give its id');
  if (securityGroupId === null) {
    problems.add('REQUIRED', ['network', 'securityGroupId'], 'a VPC needs a security group: give its id');
  }
  if (switchId !== null && extendedCidrs.length === 0) {
    const message = 'with switchId the CIDR blocks have to be named, best all of the VPC, e.g. 10.0.0.0/24';
    problems.add('REQUIRED', ['network', 'extendedCidrs'], message);
  }
  checkCidrs(extendedCidrs, ['network', 'extendedCidrs'], problems);
  if (defaultRoute !== null && !DEFAULT_ROUTES.includes(defaultRoute)) {
    const message = `${quoted(defaultRoute)} is no route that a build can take: eth0 or eth1`;
    problems.add('NOT_ALLOWED', ['network', 'defaultRoute'], message, { allowed: DEFAULT_ROUTES });
  }
  return { vpcId, switchId, securityGroupId, extendedCidrs, defaultRoute };
}

function checkCidrs(cidrs: readonly string[], path: readonly string[], problems: Problems): void {
  if (cidrs.length > MAX_CIDRS) {
    const message = `at most ${MAX_CIDRS} CIDR blocks; these are ${cidrs.length}`;
    problems.add('TOO_MANY', path, message, { max: MAX_CIDRS, current: cidrs.length });
    return;
  }
  const seen = new Set<string>();
  for (const [index, cidr] of cidrs.entries()) {
    const at = [...path, String(index)];
    const block = blockOf(cidr);
    if (block === null) {
      const message = `${quoted(cidr)} is no CIDR block: an address and the length of its prefix, e.g. 10.0.0.0/24 or fd00::/64`;
      problems.add('CIDR_INVALID', at, message);
    } else if (seen.has(block)) {
      problems.add('DUPLICATE', at, `the block ${block} is there twice`);
    } else {
      seen.add(block);
    }
  }
}

/**
 * The block in one spelling: `10.0.0.7/24` is `10.0.0.0/24`. S3's own examples have bits behind the prefix, so they may be there.
 *
 * @returns `null` where it is none
 */
function blockOf(cidr: string): string | null {
  const [, prefix] = /^[0-9A-Fa-f.:]{2,45}\/(0|[1-9]\d{0,2})$/.exec(cidr) ?? [];
  if (prefix === undefined) return null;
  // Not ipaddr's general check, which takes `10/8` and octal numbers.
  if (ipaddr.IPv4.isValidCIDRFourPartDecimal(cidr)) {
    return `${ipaddr.IPv4.networkAddressFromCIDR(cidr).toString()}/${prefix}`;
  }
  if (ipaddr.IPv6.isValidCIDR(cidr)) {
    return `${ipaddr.IPv6.networkAddressFromCIDR(cidr).toString()}/${prefix}`;
  }
  return null;
}

function checkConfig({ cpu, memory }: NonNullable<BuildResource['config']>, problems: Problems): void {
  const at = (field: string) => ['resource', 'config', field];
  const cpus = cpusOf(cpu);
  if (cpu !== null && cpus === null) {
    const message = `${quoted(cpu)} is no number of processors: e.g. 4, 0.5 or 500m`;
    problems.add('PATTERN', at('cpu'), message, { pattern: CPU.source });
  } else if (cpus !== null && (cpus <= 0 || cpus > MAX_CPUS)) {
    const message = `must be more than 0 and at most ${MAX_CPUS} processors`;
    problems.add('OUT_OF_RANGE', at('cpu'), message, { min: 0.001, max: MAX_CPUS });
  }
  const bytes = memoryBytesOf(memory);
  if (memory !== null && bytes === null) {
    const message = `${quoted(memory)} is no size of memory: e.g. 8Gi, 512Mi or 2G, or bytes without a unit`;
    problems.add('PATTERN', at('memory'), message, { pattern: MEMORY.source });
  } else if (bytes !== null && (bytes < MIN_MEMORY || bytes > MAX_MEMORY)) {
    const message = 'must be from 4Mi, with less no process starts, to 1Pi';
    problems.add('OUT_OF_RANGE', at('memory'), message, { min: MIN_MEMORY, max: MAX_MEMORY });
  }
}

function cpusOf(text: string | null): number | null {
  if (text === null || !CPU.test(text)) return null;
  return text.endsWith('m') ? Number(text.slice(0, -1)) / 1000 : Number(text);
}

function memoryBytesOf(text: string | null): number | null {
  const [, number, unit = ''] = MEMORY.exec(text ?? '') ?? [];
  if (number === undefined) return null;
  const power = UNITS.indexOf(unit.charAt(0).toLowerCase());
  // Parts of a byte are rounded up, as in Kubernetes.
  return Math.ceil(Number(number) * (unit.endsWith('i') ? 1024 : 1000) ** power);
}

/** A text that names something of the cloud: kept as it is, without white space. */
function readId(text: string | null | undefined, path: readonly string[], problems: Problems): string | null {
  const id = given(text);
  checkText(problems, path, id, MAX_ID);
  if (id !== null && /\s/.test(id)) {
    problems.add('PATTERN', path, 'an id has no white space', { pattern: '^\\S+$' });
  }
  return id;
}

/** Blank is the same as left out. */
function given(text: string | null | undefined): string | null {
  return text ? text : null;
}

function quoted(text: string): string {
  return JSON.stringify(excerpt(text));
}
