import { type BuildRequest, EngineError } from '../container-engine.ts';
import type { BuilderKind } from './builder-choice.ts';
import type { EngineConnection } from './engine-connection.ts';

/** The kernel counts processor time in periods; this is its usual one, in microseconds, and the shortest share of it. */
const PERIOD_US = 100_000;
const MIN_QUOTA_US = 1_000;

export interface BuildLimits {
  /** What the build call is to say. */
  readonly query: Readonly<Record<string, number>>;
  /** Is every limit that was asked for held to? True where none was. */
  readonly enforced: boolean;
}

/**
 * The limits that the engine holds a build's steps to. Measured: Docker's classic builder and Podman (4.3, as root) enforce both;
 * BuildKit ignores them, and so does an engine whose kernel lacks the control groups (Podman without root on
 * version 1 even refuses the container), which only the engine knows. It is told no limit that it does not enforce.
 * Podman with control groups of version 1 lets a step that means to write its own limit away; one that the operator has put on
 * the service itself stands above it and holds.
 */
export async function buildLimits(
  engine: EngineConnection,
  builder: BuilderKind,
  { memoryBytes, cpus }: BuildRequest['limits'],
  signal?: AbortSignal,
): Promise<BuildLimits> {
  if (memoryBytes === null && cpus === null) return { query: {}, enforced: true };
  if (builder === 'BUILDKIT') return { query: {}, enforced: false };
  const can: EngineAbilities = await engine.ask((docker) => docker.info(), signal);
  const limitsMemory = memoryBytes !== null && can.MemoryLimit === true;
  const limitsCpus = cpus !== null && can.CpuCfsQuota === true;
  return {
    query: {
      ...(limitsMemory && { memory: memoryBytes }),
      // Memory and swap together: no swap is added.
      ...(limitsMemory && can.SwapLimit === true && { memswap: memoryBytes }),
      ...(limitsCpus && {
        cpuperiod: PERIOD_US,
        cpuquota: Math.max(MIN_QUOTA_US, Math.round(cpus * PERIOD_US)),
      }),
    },
    enforced: (memoryBytes === null || limitsMemory) && (cpus === null || limitsCpus),
  };
}

/**
 * A step that is killed under a memory limit went over it: the kernel kills it, and often nobody is left to say why (a shell
 * that runs one command becomes that command).
 */
export function withLimits(failure: EngineError, { query }: BuildLimits): EngineError {
  const { memory } = query;
  if (memory === undefined || failure.reason === 'DISK_FULL' || failure.exitCode !== 137) return failure;
  const { step, line, exitCode, cause } = failure;
  const what = step === null ? 'A step' : `Step ${step}`;
  return new EngineError(
    'OUT_OF_MEMORY',
    `${what} was killed: it needs more than the ${Math.floor(memory / 2 ** 20)} MiB of memory that a step may use.`,
    { step, line, exitCode, cause },
  );
}

/** The part of the engine's description that tells what its kernel can do. */
interface EngineAbilities {
  readonly MemoryLimit?: unknown;
  readonly SwapLimit?: unknown;
  readonly CpuCfsQuota?: unknown;
}
