import { describe, expect, inject, it } from 'vitest';
import { collectUntilError, logBytes } from '../contracts/container-engine.contract.ts';
import { buildRequest, testEngine } from '../support/engine.ts';
import { lastSteps } from '../support/recorded-build.ts';

const podman = inject('podmanEndpoint');
const engines = [
  { name: 'Docker', endpoint: inject('engineEndpoint') },
  ...(podman === null ? [] : [{ name: 'Podman', endpoint: podman }]),
];

describe.each(engines)('the limits of a build that $name says it enforces', ({ endpoint }) => {
  const { engine, baseImage } = testEngine(endpoint);
  const build = (run: string) => {
    const limits = { memoryBytes: 64 * 2 ** 20, cpus: 0.25 };
    const dockerfile = `FROM ${baseImage}\nRUN ${run}\n`;
    const request = buildRequest({ builder: 'classic', dockerfile, limits, noCache: true });
    return collectUntilError(engine.build(request, {}));
  };

  it('end a step that wants more memory', async () => {
    const { events, error } = await build('dd if=/dev/zero of=/dev/null bs=200M count=1');
    const [first] = events;
    if (first?.kind === 'builder' && !first.enforcesLimits) expect(error).toBeNull();
    else {
      expect(error).toMatchObject({ reason: 'OUT_OF_MEMORY', step: 2, line: 2, exitCode: 137 });
      expect(error?.message).toContain('64 MiB');
      expect(lastSteps(events).at(-1)).toMatchObject({ status: 'FAILED', error: error?.message });
    }
  });

  it('leave a step be that keeps to them', async () => {
    expect((await build('dd if=/dev/zero of=/dev/null bs=20M count=1')).error).toBeNull();
  });

  it('give it the share of a processor that was asked for', async () => {
    // Control groups of version 1, else of version 2.
    const quota =
      'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d " " -f 1 /sys/fs/cgroup/cpu.max';
    const { events, error } = await build(quota);
    const [first] = events;
    expect(error).toBeNull();
    if (first?.kind === 'builder' && first.enforcesLimits) {
      expect(logBytes(events, 'STDOUT').toString().trim()).toBe('25000');
    }
  });
});
