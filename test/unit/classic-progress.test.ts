import { describe, expect, it } from 'vitest';
import { ClassicProgress } from '../../src/engine/docker/classic-progress.ts';
import { parseMessage } from '../../src/engine/docker/engine-messages.ts';
import { parseDockerfile } from '../../src/shared/dockerfile.ts';
import { FAILED, lastSteps, printed, replay, STAGES } from '../support/recorded-build.ts';

function read(name: string, dockerfile: string, target: string | null = null) {
  const progress = new ClassicProgress(parseDockerfile(dockerfile), target);
  return { events: replay(name, progress), progress };
}
const SPOOF = [
  'FROM r.example:5000/base:1',
  "RUN echo 'Step 3/3 : FROM x'; sleep 0.1; echo ' ---> Using cache'; …",
  'LABEL a=b',
].join('\n');

describe('a build of two stages', () => {
  const { events, progress } = read('classic-stages', STAGES);

  it('says how many steps there are, without those that the engine adds for labels', () => {
    expect(events[0]).toEqual({ kind: 'total', steps: 10 });
    expect(events.filter(({ kind }) => kind === 'total')).toHaveLength(1);
    expect(lastSteps(events).map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('runs each step once, one after the other', () => {
    const moves = events
      .filter((event) => event.kind === 'step')
      .map(({ step }) => [step.number, step.status]);
    expect(moves).toEqual(
      Array.from({ length: 10 }, (_, i) => [
        [i + 1, 'RUNNING'],
        [i + 1, 'SUCCEEDED'],
      ]).flat(),
    );
  });

  it('gives each step its stage, its text on one line and its line in the Dockerfile', () => {
    expect(lastSteps(events)[3]).toMatchObject({
      stage: 'build',
      name: 'RUN echo out; sleep 0.2; echo err >&2; sleep 0.2; printf partial',
      line: 5,
      cached: false,
      startedAt: expect.any(Date),
      finishedAt: expect.any(Date),
    });
    expect(lastSteps(events)[5]).toMatchObject({ stage: '1', line: 9 });
  });

  it('tells what a step printed, and only that, with its two streams apart', () => {
    expect(printed(events, 4, 'STDOUT')).toBe('out\npartial');
    expect(printed(events, 4, 'STDERR')).toBe('err\n');
    expect(printed(events, 9)).toBe('hi\n');
    expect(events.filter(({ kind }) => kind === 'log').length).toBe(4);
  });

  it('has its last image', () => {
    expect(progress.imageId).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(progress.failure).toBeNull();
  });
});

it('marks the steps that came from the cache', () => {
  const { events } = read('classic-cached', STAGES);
  expect(lastSteps(events).map(({ cached }) => cached)).toEqual([
    false,
    false,
    true,
    true,
    true,
    false,
    true,
    true,
    true,
    true,
  ]);
});

it('counts the steps up to the target', () => {
  const { events } = read('classic-target', STAGES, 'build');
  expect(events[0]).toEqual({ kind: 'total', steps: 5 });
});

it("takes none of a step's lines for the builder's own", () => {
  const { events, progress } = read('classic-spoof', SPOOF);
  expect(printed(events, 2).replace(/[0-9a-f]{12}\n/, 'ID\n')).toBe(
    'Step 3/3 : FROM x\n ---> Using cache\nRemoving intermediate container ID\nstill here\nSuccessfully built 123456789012\n',
  );
  expect(lastSteps(events).map(({ status, cached }) => [status, cached])).toEqual(
    Array(3).fill(['SUCCEEDED', false]),
  );
  expect(progress.imageId).not.toContain('123456789012');
});

describe('a step that prints what the builder says at its end', () => {
  const ID = '0123456789ab';
  const dockerfile = 'FROM x\nRUN a\nRUN b';
  const removing = `Removing intermediate container ${ID}\n`;
  const layer = ' ---> 0123456789ab\n';
  const begin = ['Step 2/3 : RUN a', '\n', ` ---> Running in ${ID}\n`];
  const next = ['Step 3/3 : RUN b', '\n', ' ---> Running in ba9876543210\n'];
  const say = (...frames: (string | object)[]) => {
    const progress = new ClassicProgress(parseDockerfile(dockerfile), null);
    const events = ['Step 1/3 : FROM x', '\n', layer, ...frames].flatMap((frame) => {
      const line = JSON.stringify(typeof frame === 'string' ? { stream: frame } : frame);
      const message = parseMessage(line);
      return message ? progress.read(message, new Date(0)) : [];
    });
    return { events, progress };
  };
  const error = { errorDetail: { code: 1, message: 'returned a non-zero code: 1' }, error: 'x' };

  it.each([
    ['its last line', [removing, 'secret\n'], `${removing}secret\n`],
    ['its last two lines', [removing, layer, 'secret\n'], `${removing}${layer}secret\n`],
    [
      'its last two lines, over and over',
      [removing, removing, layer, layer],
      `${removing}${removing}${layer}${layer}`,
    ],
  ])('has all of its output in the log: %s', (_, frames, output) => {
    const { events } = say(...begin, ...frames, removing, layer, ...next, 'b\n');
    expect(printed(events, 2)).toBe(output);
    expect(printed(events, 3)).toBe('b\n');
    expect(printed(say(...begin, ...frames, removing, error).events, 2)).toBe(output);
  });

  it('has all that it prints afterwards in the log, also where it prints the next step’s first line', () => {
    const forged = [removing, layer, 'Step 3/3 : RUN b', 'secret\n', ' ---> more\n'];
    const { events } = say(...begin, ...forged, removing, layer, ...next, 'b\n');
    expect(printed(events, 3)).toBe('secret\n ---> more\nStep 3/3 : RUN bb\n');
  });

  it('has no more than it printed where it ends', () => {
    const { events, progress } = say(...begin, 'a\n', removing, layer, { aux: { ID: 'sha256:1' } });
    expect(printed(events, 2)).toBe('a\n');
    expect(progress.containerId).toBeNull();
    expect(lastSteps(events).at(-1)).toMatchObject({ number: 2, status: 'SUCCEEDED' });
  });
});

describe('a failure', () => {
  it('has the step, its exit code and its line', () => {
    const { events, progress } = read('classic-failed', FAILED);
    expect(progress.failure).toMatchObject({ reason: 'STEP_FAILED', step: 3, exitCode: 7, line: 3 });
    expect(progress.failure?.message).toBe('Step 3 (RUN echo a; exit 7) ended with exit code 7.');
    expect(lastSteps(events).at(-1)).toMatchObject({
      number: 3,
      status: 'FAILED',
      error: progress.failure?.message,
    });
    expect(progress.imageId).toBeNull();
  });

  it.each([
    ['classic-no-base', 'FROM r.example:5000/nope:1', 'BASE_IMAGE_NOT_FOUND', 'r.example:5000/nope:1'],
    ['classic-no-registry', 'FROM ubuntu:1', 'REGISTRY_UNAVAILABLE', 'ubuntu:1'],
    ['classic-no-file', 'FROM r.example:5000/base:1\nCOPY zz /', 'STEP_FAILED', 'COPY zz /'],
    ['classic-killed', 'FROM r.example:5000/base:1\nRUN dd', 'OUT_OF_MEMORY', 'memory'],
  ])('%s', (name, dockerfile, reason, words) => {
    const { progress } = read(name, dockerfile);
    expect(progress.failure).toMatchObject({ reason, message: expect.stringContaining(words) });
    expect(progress.failure?.message).not.toMatch(/192\.0\.2|lookup|dial/);
  });
});
