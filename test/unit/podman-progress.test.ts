import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../src/engine/docker/engine-messages.ts';
import { PodmanProgress } from '../../src/engine/docker/podman-progress.ts';
import { parseDockerfile } from '../../src/shared/dockerfile.ts';
import { FAILED, lastSteps, PARALLEL, printed, replay, STAGES } from '../support/recorded-build.ts';

function read(name: string, dockerfile: string) {
  const progress = new PodmanProgress(parseDockerfile(dockerfile), null);
  return { events: replay(name, progress), progress };
}

it('reads a build of two stages', () => {
  const { events, progress } = read('podman-stages', STAGES);
  expect(events[0]).toEqual({ kind: 'total', steps: 10 });
  expect(lastSteps(events).map(({ number, status }) => [number, status])).toEqual(
    Array.from({ length: 10 }, (_, i) => [i + 1, 'SUCCEEDED']),
  );
  expect(lastSteps(events)[3]).toMatchObject({ stage: 'build', line: 5 });
  expect(printed(events, 4)).toBe('out\nerr\npartial');
  expect(printed(events, 9)).toBe('hi\n');
  expect(events.filter(({ kind }) => kind === 'log').length).toBe(4);
  expect(progress.imageId).toMatch(/^sha256:[0-9a-f]{64}$/);
});

it('marks the steps that came from the cache', () => {
  const { events } = read('podman-cached', STAGES);
  expect(
    lastSteps(events)
      .filter(({ cached }) => cached)
      .map(({ number }) => number),
  ).toEqual([3, 4, 5, 7, 8, 9, 10]);
  expect(events.some(({ kind }) => kind === 'log')).toBe(false);
});

it('leaves out the stages that are not needed', () => {
  const { events } = read('podman-unused', PARALLEL);
  expect(lastSteps(events).map(({ number }) => number)).toEqual([1, 2, 5, 6, 7, 8, 9]);
  expect(printed(events, 6)).toBe('B\nB2\n');
});

it("takes none of a step's lines for the builder's own", () => {
  const { events } = read('podman-spoof', 'FROM r.example:5000/base:1\nRUN echo …\nLABEL a=b');
  expect(printed(events, 2)).toBe('--> 123456789ab\nCOMMIT\nstill here\n');
  expect(lastSteps(events).map(({ status }) => status)).toEqual(['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
});

describe('a step that prints that it came from the cache', () => {
  const id = 'a'.repeat(64);
  const cached = `--> Using cache ${id}\n`;
  const say = (...frames: string[]) => {
    const progress = new PodmanProgress(parseDockerfile('FROM x\nRUN a\nRUN b'), null);
    return ['STEP 1/3: FROM x\n', 'STEP 2/3: RUN a\n', ...frames, 'STEP 3/3: RUN b\n'].flatMap((stream) => {
      const message = parseMessage(JSON.stringify({ stream }));
      return message ? progress.read(message, new Date(0)) : [];
    });
  };

  it.each([
    ['with another text', ['--> Using cache of mine\n', 'secret\n']],
    ['and goes on', [cached, 'secret\n']],
    ['and then that it ends, and goes on', [cached, '--> aaaaaaaaaaa\n', 'secret\n']],
    ['and nothing else', [cached]],
  ])('%s, has all of its output in the log', (_, frames) => {
    const events = say(...frames, '--> 3d1fca86739\n');
    expect(printed(events, 2)).toBe(frames.join(''));
    expect(lastSteps(events)[1]).toMatchObject({ status: 'SUCCEEDED', cached: false });
  });

  it('is not one that did', () => {
    const events = say(cached, '--> aaaaaaaaaaa\n');
    expect(printed(events, 2)).toBe('');
    expect(lastSteps(events)[1]).toMatchObject({ status: 'SUCCEEDED', cached: true });
  });

  it('has its last lines in the log where it fails', () => {
    const progress = new PodmanProgress(parseDockerfile('FROM x\nRUN a'), null);
    const error = { errorDetail: { message: 'exit status 1' } };
    const events = [
      { stream: 'STEP 1/2: FROM x\n' },
      { stream: 'STEP 2/2: RUN a\n' },
      { stream: 'COMMIT\n' },
      error,
    ].flatMap((fields) => {
      const message = parseMessage(JSON.stringify(fields));
      return message ? progress.read(message, new Date(0)) : [];
    });
    expect(printed(events, 2)).toBe('COMMIT\n');
    expect(progress.failure).toMatchObject({ reason: 'STEP_FAILED', exitCode: 1 });
  });
});

describe('a failure', () => {
  it('has the step, its exit code and its line', () => {
    const { progress } = read('podman-failed', FAILED);
    expect(progress.failure).toMatchObject({ reason: 'STEP_FAILED', step: 3, exitCode: 7, line: 3 });
  });

  it.each([
    ['podman-no-base', 'FROM r.example:5000/nope:1', 'BASE_IMAGE_NOT_FOUND'],
    ['podman-no-registry', 'FROM r.example:5000/nope:1', 'REGISTRY_UNAVAILABLE'],
  ])('%s', (name, dockerfile, reason) => {
    expect(read(name, dockerfile).progress.failure).toMatchObject({ reason, step: 1 });
  });
});
