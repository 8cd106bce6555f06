import { describe, expect, it } from 'vitest';
import { type BaseFetches, untilSilent } from '../../src/engine/docker/base-fetches.ts';
import { BuildKitFetches } from '../../src/engine/docker/buildkit-fetches.ts';
import { BuildKitProgress } from '../../src/engine/docker/buildkit-progress.ts';
import type { TraceStatus } from '../../src/engine/docker/buildkit-trace.ts';
import { ClassicProgress } from '../../src/engine/docker/classic-progress.ts';
import { type EngineMessage, parseMessage } from '../../src/engine/docker/engine-messages.ts';
import { PodmanProgress } from '../../src/engine/docker/podman-progress.ts';
import { ClassicFetches, PodmanFetches } from '../../src/engine/docker/step-fetches.ts';
import { parseDockerfile } from '../../src/shared/dockerfile.ts';
import { trace } from '../support/recorded-build.ts';

const DOCKERFILE = 'FROM r.example/base:1\nCOPY --from=r.example/tools:2 /t /t\nRUN make\n';
const parsed = parseDockerfile(DOCKERFILE);

/** Reads messages, each a second after the one before; how long which base has been silent a minute later. */
function silentAfter(
  fetches: BaseFetches,
  progress: { read(message: EngineMessage, at: Date): ReturnType<ClassicProgress['read']> },
  messages: readonly EngineMessage[],
) {
  for (const message of messages) {
    fetches.waitedMs += 1_000;
    fetches.read(message, progress.read(message, new Date()));
  }
  fetches.waitedMs += 60_000;
  return fetches.silent();
}

function message(fields: object): EngineMessage {
  const read = parseMessage(JSON.stringify(fields));
  if (!read) throw new Error('expected a message');
  return read;
}
const says = (stream: string) => message({ stream });
const layer = (status: string, id = '84456ba9fc86') => message({ status, id });

describe('the classic builder', () => {
  const read = (...messages: EngineMessage[]) =>
    silentAfter(new ClassicFetches(parsed), new ClassicProgress(parsed, null), messages);
  const from = [says('Step 1/3 : FROM r.example/base:1'), says('\n')];
  const pulling = [...from, layer('Pulling from base', '1')];

  it.each([
    ['asks for the manifest', from],
    ['has a layer’s first bytes to come', [...pulling, layer('Pulling fs layer')]],
    ['is sent a layer', [...pulling, layer('Pulling fs layer'), layer('Downloading')]],
    ['is sent one layer while another waits', [...pulling, layer('Waiting', 'a'), layer('Downloading', 'b')]],
  ])('waits for the registry where it %s', (_, messages) => {
    expect(read(...messages)).toEqual({ base: 'r.example/base:1', step: 1, line: 1, silentMs: 60_000 });
  });

  it.each([
    ['its own unpacking', [...pulling, layer('Download complete'), layer('Extracting')]],
    ['other builds’ downloads', [...pulling, layer('Pulling fs layer'), layer('Waiting')]],
    ['a trigger of the base', [...pulling, message({ status: 'Status: Downloaded newer image for x' })]],
    [
      'a command',
      [...from, says(' ---> 9b454962bc30\n'), says('Step 2/3 : COPY x /t'), says('Step 3/3 : RUN make')],
    ],
  ])('waits for nothing but %s', (_, messages) => {
    expect(read(...messages)).toBeNull();
  });

  it('does not fetch again what it has', () => {
    const twice = parseDockerfile('FROM r.example/base:1\nCOPY --from=r.example/base:1 /a /b\n');
    const messages = [
      ...pulling,
      message({ status: 'Status: Image is up to date for x' }),
      says(' ---> 9b454962bc30\n'),
      says('Step 2/2 : COPY --from=r.example/base:1 /a /b'),
    ];
    expect(silentAfter(new ClassicFetches(twice), new ClassicProgress(twice, null), messages)).toBeNull();
  });
});

describe('Podman', () => {
  const read = (...messages: EngineMessage[]) =>
    silentAfter(new PodmanFetches(parsed), new PodmanProgress(parsed, null), messages);
  const from = says('STEP 1/3: FROM r.example/base:1\n');
  const trying = says('Trying to pull r.example/base:1...\n');

  it('waits for the registry until it has the manifest', () => {
    expect(read(from)).toBeNull();
    expect(read(from, trying)).toMatchObject({ base: 'r.example/base:1', silentMs: 60_000 });
    expect(read(from, trying, says('Getting image source signatures\n'))).toBeNull();
  });

  it('is not fooled by what a command prints', () => {
    const messages = [
      from,
      says('STEP 2/3: COPY --from=r.example/tools:2 /t /t\n'),
      says('STEP 3/3: RUN make\n'),
    ];
    expect(read(...messages, trying)).toBeNull();
  });
});

describe('BuildKit', () => {
  const read = (...messages: EngineMessage[]) =>
    silentAfter(new BuildKitFetches(parsed), new BuildKitProgress(parsed, null), messages);
  const time = { seconds: 1 };
  const vertex = (name: string, digest = 'sha256:1') =>
    trace({ vertexes: [{ digest, name, started: time }] });
  const done = (name: string, digest = 'sha256:1') =>
    trace({ vertexes: [{ digest, name, started: time, completed: time }] });
  const status = (fields: Partial<TraceStatus>) =>
    trace({ statuses: [{ ID: 'sha256:a', vertex: 'sha256:1', ...fields }] });
  const metadata = '[internal] load metadata for r.example/base:1';
  const from = '[stage-0 1/3] FROM r.example/base:1@sha256:0123';

  it('waits for the registry while it loads metadata, whatever else it does', () => {
    const run = vertex('[stage-0 3/3] RUN make', 'sha256:2');
    const silent = { base: 'r.example/base:1', step: 1, line: 1 };
    expect(read(vertex(metadata), run)).toEqual({ ...silent, silentMs: 61_000 });
    expect(read(vertex(metadata), done(metadata), run)).toBeNull();
  });

  it('waits for it while it downloads, and a repeated message is no sign of life', () => {
    const stuck = status({ name: 'downloading', current: 5 });
    expect(read(vertex(from), stuck, stuck, stuck)).toMatchObject({ silentMs: 62_000, line: 1 });
    const more = status({ name: 'downloading', current: 6 });
    expect(read(vertex(from), stuck, stuck, more)).toMatchObject({ silentMs: 60_000 });
    const tools = status({ ID: 'resolve r.example/tools:2' });
    expect(read(vertex('FROM r.example/tools:2'), tools)).toMatchObject({
      base: 'r.example/tools:2',
      line: 2,
    });
  });

  it('waits for other builds, or for itself, before and after', () => {
    const unpacking = status({ ID: 'extracting sha256:a', name: 'extract' });
    expect(read(vertex(from))).toBeNull();
    expect(read(vertex(from), status({ name: 'downloading' }), unpacking)).toBeNull();
    expect(read(vertex(from), status({ name: 'done', completed: time }), unpacking)).toBeNull();
  });
});

it('a reader who is slow is not the registry’s silence', async () => {
  const fetches = new ClassicFetches(parsed);
  const progress = new ClassicProgress(parsed, null);
  async function* messages() {
    yield says('Step 1/3 : FROM r.example/base:1');
    yield layer('Pulling fs layer');
    await new Promise<never>(() => undefined);
  }
  const seen: (string | null)[] = [];
  const reading = async () => {
    for await (const next of untilSilent(messages(), fetches, 100)) {
      fetches.read(next, progress.read(next, new Date()));
      seen.push(next.stream ?? next.status);
      const slow = performance.now() + 150;
      await expect.poll(() => performance.now() > slow, { interval: 20 }).toBe(true);
    }
  };
  await expect(reading()).rejects.toMatchObject({
    reason: 'REGISTRY_UNAVAILABLE',
    message: expect.stringContaining('r.example has been silent for 0.1 seconds'),
    line: 1,
  });
  expect(seen).toEqual(['Step 1/3 : FROM r.example/base:1', 'Pulling fs layer']);
});
