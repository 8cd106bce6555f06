import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import protobuf from 'protobufjs';
import type { BuildEvent, BuildStep } from '../../src/engine/container-engine.ts';
import type { BuildProgress } from '../../src/engine/docker/build-progress.ts';
import type { BuildKitTrace } from '../../src/engine/docker/buildkit-trace.ts';
import { type EngineMessage, parseMessage } from '../../src/engine/docker/engine-messages.ts';

/** Everything that a recorded stream of an engine says, message by message. */
export function replay(name: string, progress: BuildProgress): BuildEvent[] {
  const lines = readFileSync(new URL(`../fixtures/engine/${name}.ndjson`, import.meta.url), 'utf8').split(
    '\n',
  );
  return lines.flatMap((line, i) => {
    const message = parseMessage(line);
    return message ? progress.read(message, new Date(1_000 * i)) : [];
  });
}

/** What a step printed, both streams together. */
export function printed(events: readonly BuildEvent[], step: number, stream?: 'STDOUT' | 'STDERR'): string {
  const logs = events.filter((event) => event.kind === 'log');
  const ours = logs.filter((log) => log.step === step && (stream === undefined || log.stream === stream));
  return Buffer.concat(ours.map(({ data }) => data)).toString('utf8');
}

/** The last state of each step, in the order of their numbers. */
export function lastSteps(events: readonly BuildEvent[]): BuildStep[] {
  const last = new Map<number, BuildStep>();
  for (const event of events) if (event.kind === 'step') last.set(event.step.number, event.step);
  return [...last.values()].sort((a, b) => a.number - b.number);
}

/** The Dockerfile of the recordings called `…-stages` and `…-cached`. */
export const STAGES = [
  '# two stages',
  'ARG V=1',
  'FROM r.example:5000/base:1 AS build',
  'ENV A=b',
  'RUN echo out; sleep 0.2; echo err >&2; \\',
  '  sleep 0.2; printf partial',
  'COPY a.txt /a',
  '',
  'FROM r.example:5000/base:1',
  'COPY --from=build /a /b',
  'WORKDIR /w',
  'RUN echo hi',
  'CMD ["sh"]',
].join('\n');

/** The Dockerfile of the recordings called `…-failed`. */
export const FAILED = 'FROM r.example:5000/base:1\nENV A=b\nRUN echo a; \\\n  exit 7\n';

/** Two stages that need not wait for each other, and one that nobody needs. */
export const PARALLEL = [
  'FROM r.example:5000/base:1 AS a',
  'RUN echo A; sleep 0.3; echo A2',
  'FROM r.example:5000/base:1 AS unused',
  'RUN echo never',
  'FROM r.example:5000/base:1 AS b',
  'RUN echo B >&2; sleep 0.3; echo B2',
  'FROM r.example:5000/base:1',
  'COPY --from=a /etc /a',
  'COPY --from=b /etc /b',
].join('\n');

/** A message of BuildKit's as the engine would send it. */
export function trace(status: BuildKitTrace): EngineMessage {
  const proto = createRequire(import.meta.url).resolve('dockerode/lib/proto/buildkit_status.proto');
  const type = protobuf.loadSync(proto).lookupType('moby.buildkit.v1.StatusResponse');
  const aux = Buffer.from(type.encode(type.fromObject({ ...status })).finish()).toString('base64');
  const message = parseMessage(JSON.stringify({ id: 'moby.buildkit.trace', aux }));
  if (!message) throw new Error('expected a message');
  return message;
}
