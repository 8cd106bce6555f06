import { describe, expect, it } from 'vitest';
import { BuildKitProgress } from '../../src/engine/docker/buildkit-progress.ts';
import { parseDockerfile } from '../../src/shared/dockerfile.ts';
import { FAILED, lastSteps, PARALLEL, printed, replay, STAGES, trace } from '../support/recorded-build.ts';

function read(name: string, dockerfile: string) {
  const progress = new BuildKitProgress(parseDockerfile(dockerfile), null);
  return { events: replay(name, progress), progress };
}

describe('a build of two stages', () => {
  const { events, progress } = read('buildkit-stages', STAGES);

  it('maps vertices to instructions, and lets the others pass in the end', () => {
    expect(events[0]).toEqual({ kind: 'total', steps: 10 });
    const steps = lastSteps(events);
    expect(steps.map(({ number, status }) => [number, status])).toEqual(
      Array.from({ length: 10 }, (_, i) => [i + 1, 'SUCCEEDED']),
    );
    expect(steps[3]).toMatchObject({ stage: 'build', line: 5, startedAt: expect.any(Date) });
    expect(steps.filter(({ startedAt }) => startedAt === null).map(({ name }) => name)).toEqual([
      'ARG V=1',
      'ENV A=b',
      'FROM r.example:5000/base:1',
      'CMD ["sh"]',
    ]);
  });

  it('tells what a step printed, with its two streams apart and its own times', () => {
    expect(printed(events, 4, 'STDOUT')).toBe('out\npartial');
    expect(printed(events, 4, 'STDERR')).toBe('err\n');
    expect(printed(events, 9)).toBe('hi\n');
    const [first, second] = events.filter((event) => event.kind === 'log');
    expect((second?.at.getTime() ?? 0) - (first?.at.getTime() ?? 0)).toBeGreaterThanOrEqual(190);
  });

  it('has its image', () => {
    expect(progress.imageId).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(progress.failure).toBeNull();
  });
});

it('marks the steps that came from the cache', () => {
  const { events } = read('buildkit-cached', STAGES);
  expect(
    lastSteps(events)
      .filter(({ cached }) => cached)
      .map(({ number }) => number),
  ).toEqual([4, 5, 7, 8, 9]);
});

it('leaves out the stages that are not needed, and keeps the logs of those side by side apart', () => {
  const { events } = read('buildkit-parallel', PARALLEL);
  expect(events[0]).toEqual({ kind: 'total', steps: 7 });
  expect(lastSteps(events).map(({ number }) => number)).toEqual([1, 2, 5, 6, 7, 8, 9]);
  expect(printed(events, 2)).toBe('A\nA2\n');
  expect(printed(events, 6)).toBe('B\nB2\n');
  expect(printed(events, 6, 'STDERR')).toBe('B\n');
});

describe('a failure', () => {
  it('has the step, its exit code and its line', () => {
    const { events, progress } = read('buildkit-failed', FAILED);
    expect(progress.failure).toMatchObject({ reason: 'STEP_FAILED', step: 3, exitCode: 7, line: 3 });
    expect(lastSteps(events).at(-1)).toMatchObject({ number: 3, status: 'FAILED' });
  });

  it.each([
    ['buildkit-no-base', 'FROM r.example:5000/nope:1', 'BASE_IMAGE_NOT_FOUND', 1],
    ['buildkit-no-registry', 'FROM ubuntu:1', 'REGISTRY_UNAVAILABLE', 1],
    ['buildkit-no-file', 'FROM r.example:5000/base:1\nCOPY zz /', 'STEP_FAILED', 2],
    ['buildkit-unparsable', 'FROM r.example:5000/base:1\nRUN <<E\necho hi\nE', 'DOCKERFILE_INVALID', null],
  ])('%s', (name, dockerfile, reason, step) => {
    const { progress } = read(name, dockerfile);
    expect(progress.failure).toMatchObject({ reason, step });
    expect(progress.failure?.message).not.toMatch(/192\.0\.2|failed to solve|LLB/);
  });

  it('of parsing has its line', () => {
    const { progress } = read('buildkit-unparsable', 'FROM r.example:5000/base:1\nRUN <<E\necho hi\nE');
    expect(progress.failure).toMatchObject({
      line: 3,
      message: expect.stringContaining('unknown instruction: ECHO'),
    });
  });
});

it('says where output was cut, and takes the marker out of it', () => {
  const progress = new BuildKitProgress(parseDockerfile('FROM r.example:5000/base:1\nRUN yes'), null);
  const vertex = { digest: 'sha256:1', name: '[2/2] RUN yes', started: { seconds: 5 } };
  const msg = Buffer.from('抽y\n[output clipped, log limit 200KiB/s reached]\n');
  const events = [
    ...progress.read(trace({ vertexes: [vertex] }), new Date(0)),
    ...progress.read(
      trace({ logs: [{ vertex: 'sha256:1', stream: 1, msg, timestamp: { seconds: 6 } }] }),
      new Date(0),
    ),
  ];
  expect(printed(events, 2)).toBe('抽y');
  expect(events.at(-1)).toEqual({ kind: 'clipped', step: 2, at: new Date(6000) });
});
