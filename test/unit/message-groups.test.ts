import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import type { BuildEvent } from '../../src/engine/container-engine.ts';
import { BuildKitFetches } from '../../src/engine/docker/buildkit-fetches.ts';
import { BuildKitProgress } from '../../src/engine/docker/buildkit-progress.ts';
import { ClassicProgress } from '../../src/engine/docker/classic-progress.ts';
import { parseMessage, readMessageGroups } from '../../src/engine/docker/engine-messages.ts';
import { readGroup } from '../../src/engine/docker/message-groups.ts';
import { PodmanProgress } from '../../src/engine/docker/podman-progress.ts';
import { ClassicFetches, PodmanFetches } from '../../src/engine/docker/step-fetches.ts';
import { parseDockerfile } from '../../src/shared/dockerfile.ts';
import { FAILED, lastSteps, printed, STAGES } from '../support/recorded-build.ts';

const recording = (name: string) => new URL(`../fixtures/engine/${name}.ndjson`, import.meta.url);

function readerOf(name: string, dockerfile: string) {
  const parsed = parseDockerfile(dockerfile);
  if (name.startsWith('classic'))
    return { progress: new ClassicProgress(parsed, null), fetches: new ClassicFetches(parsed) };
  if (name.startsWith('podman'))
    return { progress: new PodmanProgress(parsed, null), fetches: new PodmanFetches(parsed) };
  return { progress: new BuildKitProgress(parsed, null), fetches: new BuildKitFetches(parsed) };
}

/** What a recorded build tells: its events, and in which container each step has printed. */
interface Told {
  readonly events: readonly BuildEvent[];
  readonly containers: ReadonlyMap<number | null, string | null>;
}

function toldBy(parts: Iterable<{ told: readonly BuildEvent[]; containerId: string | null }>): Told {
  const events: BuildEvent[] = [];
  const containers = new Map<number | null, string | null>();
  for (const { told, containerId } of parts) {
    events.push(...told);
    for (const event of told) if (event.kind === 'log') containers.set(event.step, containerId);
  }
  return { events, containers };
}

/** Each message by itself, as far as the first failure. */
function oneByOne(name: string, dockerfile: string): Told {
  const { progress } = readerOf(name, dockerfile);
  const parts = [];
  for (const line of readFileSync(recording(name), 'utf8').split('\n')) {
    const message = parseMessage(line);
    if (message === null || progress.failure !== null) continue;
    const told = progress.read(message, new Date(0));
    parts.push({ told, containerId: progress instanceof ClassicProgress ? progress.containerId : null });
  }
  return toldBy(parts);
}

async function inPieces(name: string, dockerfile: string, bytes: number): Promise<Told> {
  const { progress, fetches } = readerOf(name, dockerfile);
  const all = readFileSync(recording(name));
  const pieces = Array.from({ length: Math.ceil(all.length / bytes) }, (_, i) =>
    all.subarray(i * bytes, (i + 1) * bytes),
  );
  const parts = [];
  for await (const messages of readMessageGroups(Readable.from(pieces))) {
    if (progress.failure === null) parts.push(...readGroup(messages, progress, fetches));
  }
  return toldBy(parts);
}

it.each([
  ['classic-stages', STAGES],
  ['podman-stages', STAGES],
  ['buildkit-stages', STAGES],
  ['classic-failed', FAILED],
  ['podman-failed', FAILED],
  ['buildkit-failed', FAILED],
])('%s tells the same in whatever pieces it comes', async (name, dockerfile) => {
  const expected = oneByOne(name, dockerfile);
  const steps = lastSteps(expected.events);
  for (const bytes of [7, 333, 4096, 1_000_000]) {
    const told = await inPieces(name, dockerfile, bytes);
    const moves = ({ events }: Told) =>
      events.flatMap((event) => (event.kind === 'step' ? [[event.step.number, event.step.status]] : []));
    expect(moves(told)).toEqual(moves(expected));
    expect(told.containers).toEqual(expected.containers);
    for (const { number } of steps)
      for (const stream of ['STDOUT', 'STDERR'] as const)
        expect(printed(told.events, number, stream)).toBe(printed(expected.events, number, stream));
  }
});
