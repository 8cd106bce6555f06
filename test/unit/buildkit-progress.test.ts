import { describe, expect, it } from 'vitest';
import { BuildKitPlaces } from '../../src/engine/docker/buildkit-places.ts';
import { BuildKitProgress } from '../../src/engine/docker/buildkit-progress.ts';
import { parseDockerfile } from '../../src/shared/dockerfile.ts';
import { FAILED, lastSteps, PARALLEL, printed, replay, STAGES, trace } from '../support/recorded-build.ts';

function read(name: string, dockerfile: string) {
  const progress = new BuildKitProgress(parseDockerfile(dockerfile), null);
  return { events: replay(name, progress), progress };
}

function placesOf(dockerfile: string): BuildKitPlaces {
  const parsed = parseDockerfile(dockerfile);
  return new BuildKitPlaces(parsed, parsed.instructions, 0);
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

describe('the triggers of a base image', () => {
  const dockerfile = 'FROM r.example:5000/onbuild\nRUN b\nRUN make $WHAT\nRUN b';
  const time = { seconds: 5 };
  const started = (digest: string, name: string) => ({ digest, name, started: time });
  const log = (vertex: string, text: string) => ({
    vertex,
    stream: 1,
    msg: Buffer.from(text),
    timestamp: time,
  });
  const read = (...names: string[]) => {
    const progress = new BuildKitProgress(parseDockerfile(dockerfile), null);
    const vertexes = names.map((name, i) => started(`sha256:${i + 1}`, name));
    return [
      ...progress.read(trace({ vertexes }), new Date(0)),
      ...progress.read(
        trace({ logs: names.map((name, i) => log(`sha256:${i + 1}`, `${name}\n`)) }),
        new Date(0),
      ),
    ];
  };
  const logged = (events: ReturnType<typeof read>) =>
    events.flatMap((event) =>
      event.kind === 'log' ? [[event.step, Buffer.from(event.data).toString().trim()]] : [],
    );

  it.each([
    ['an older BuildKit leaves them out of the total', 4],
    ['a newer one counts them', 6],
  ])('are none of the steps, and nothing of their output is lost: %s', (_, total) => {
    const names = [
      'FROM r.example:5000/onbuild@sha256:0',
      'RUN evil',
      'RUN b',
      'RUN b',
      'RUN make all of it',
      'RUN b',
    ];
    const events = read(...names.map((text, i) => `[${i + 1}/${total}] ${text}`));
    expect(logged(events).map(([step]) => step)).toEqual([1, null, null, 2, 3, 4]);
    const steps = events.flatMap((event) => (event.kind === 'step' ? [event.step.number] : []));
    expect(steps).toEqual([1, 2, 3, 4]);
  });

  it('are not missed where there are none', () => {
    const events = read(
      '[1/4] FROM r.example:5000/onbuild@sha256:0',
      '[2/4] RUN b',
      '[3/4] RUN make',
      '[4/4] RUN b',
    );
    expect(logged(events).map(([step]) => step)).toEqual([1, 2, 3, 4]);
  });

  it('are told from the steps too where BuildKit names a stage in several messages', () => {
    const names = ['FROM r.example:5000/onbuild@sha256:0', 'RUN evil', 'RUN b', 'RUN make it', 'RUN b'];
    const vertexes = names.map((text, i) => ({ digest: `sha256:${i + 1}`, name: `[${i + 1}/4] ${text}` }));
    const progress = new BuildKitProgress(parseDockerfile(dockerfile), null);
    const send = (status: Parameters<typeof trace>[0]) => progress.read(trace(status), new Date(0));
    // Another build has started the FROM.
    send({
      vertexes: vertexes.slice(0, 2).map((vertex, i) => (i === 0 ? { ...vertex, started: time } : vertex)),
    });
    send({ vertexes: vertexes.slice(2) });
    send({ vertexes: vertexes.map((vertex) => ({ ...vertex, started: time })) });
    const events = send({ logs: vertexes.map(({ digest, name }) => log(digest, name)) });
    expect(logged(events).map(([step]) => step)).toEqual([1, null, 2, 3, 4]);
  });

  it('nor is output of what is no vertex of a stage lost', () => {
    expect(logged(read('[internal] something new'))).toEqual([[null, '[internal] something new']]);
  });
});

it.each([
  ['quotes and escapes', 'RUN echo "a\\tb" \'$X\'', 'RUN echo "atb" \'$X\''],
  ['flags', 'RUN --mount=type=cache,target=/c make', 'RUN --mount=type=cache,target=/c make'],
  ['lowercase', 'run make', 'RUN make'],
  ['a JSON list', 'RUN ["make", "all"]', 'RUN ["make", "all"]'],
  ['variables with spaces', `COPY \${A:-b} /$C/d`, 'COPY x y /z/d'],
  ['a here-document', 'RUN <<E\necho hi\nE', 'RUN <<E (echo hi)'],
  ['a long one', `RUN ${'echo a; '.repeat(1_000)}`, `RUN ${'echo a; '.repeat(1_000).trim()}`],
])('knows an instruction behind a trigger again: %s', (_, instruction, text) => {
  const places = placesOf(`FROM x\n${instruction}\n`);
  places.add('sha256:1', '[1/2] FROM docker.io/library/x');
  places.add('sha256:2', '[2/2] RUN of the base');
  places.add('sha256:3', `[3/2] ${text}`);
  expect(['sha256:1', 'sha256:2', 'sha256:3'].map((digest) => places.find(digest)?.number)).toEqual([
    1,
    undefined,
    2,
  ]);
});

it('knows the instructions behind a WORKDIR / of which BuildKit makes no vertex', () => {
  const places = placesOf('FROM x\nRUN a\nWORKDIR /\nRUN b\nRUN c\n');
  const names = ['FROM x', 'RUN a', 'RUN b', 'RUN c'];
  for (const [i, name] of names.entries()) places.add(`sha256:${i}`, `[${i + 1}/5] ${name}`);
  expect(names.map((_, i) => places.find(`sha256:${i}`)?.number)).toEqual([1, 2, 4, 5]);
});

it('tells what a step printed before it tells its end, though one message says both', () => {
  const progress = new BuildKitProgress(parseDockerfile('FROM r.example:5000/base:1\nRUN a'), null);
  const time = { seconds: 5 };
  const vertex = { digest: 'sha256:1', name: '[2/2] RUN a', started: time, completed: time };
  const logs = [{ vertex: 'sha256:1', stream: 1, msg: Buffer.from('a'), timestamp: time }];
  const events = progress.read(trace({ vertexes: [vertex], logs }), new Date(0));
  expect(events.map((event) => (event.kind === 'step' ? event.step.status : event.kind))).toEqual([
    'total',
    'RUNNING',
    'log',
    'SUCCEEDED',
  ]);
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
