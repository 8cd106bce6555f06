import {
  type DockerfileInstruction,
  findStage,
  neededStages,
  type ParsedDockerfile,
} from '../../shared/dockerfile.ts';
import type { BuildEvent, EngineError } from '../container-engine.ts';
import type { BuildProgress } from './build-progress.ts';
import { BuildSteps } from './build-steps.ts';
import { baseImageNamed, fetchOf } from './buildkit-names.ts';
import { BuildKitPlaces } from './buildkit-places.ts';
import { type TraceLog, type TraceVertex, traceDate } from './buildkit-trace.ts';
import { buildFailure } from './docker-errors.ts';
import { auxField, type EngineMessage } from './engine-messages.ts';

/** BuildKit cuts a step's output above a rate and a size, and says so at the end of the last piece that it lets through. */
const CLIPPED = /\n?\[output clipped, log limit [^\]\n]* reached\]\n$/;

/**
 * The stream of BuildKit: a graph of vertices, each with its own log. It only knows instructions that make a layer and
 * runs them side by side; the others count as done when the build is. PURE.
 */
export class BuildKitProgress implements BuildProgress {
  failure: EngineError | null = null;
  imageId: string | null = null;
  readonly steps: BuildSteps;
  private readonly needed: readonly DockerfileInstruction[];
  private readonly places: BuildKitPlaces;
  private failedStep: number | null = null;
  private failedBase: string | null = null;
  private said = false;

  constructor(dockerfile: ParsedDockerfile, target: string | null) {
    this.steps = new BuildSteps(dockerfile);
    const stages = neededStages(dockerfile, target);
    this.needed = dockerfile.instructions.filter(
      ({ stageIndex }) => stageIndex === null || stages.has(stageIndex),
    );
    this.places = new BuildKitPlaces(dockerfile, this.needed, findStage(dockerfile, target)?.index ?? null);
  }

  read(message: EngineMessage, at: Date): BuildEvent[] {
    if (message.error) return this.fail(message.error, at);
    if (message.id === 'moby.image.id') {
      this.imageId = auxField(message.aux, 'ID');
      return this.needed.flatMap(({ number }) => this.steps.pass(number));
    }
    if (message.trace === null) return [];
    const { vertexes = [], logs = [], warnings = [] } = message.trace;
    const events: BuildEvent[] = this.said ? [] : [{ kind: 'total', steps: this.needed.length }];
    this.said = true;
    for (const { digest, name = '' } of vertexes) this.places.add(digest, name);
    // A step's end comes behind all that it printed, also where one message tells both.
    for (const vertex of vertexes) events.push(...this.start(vertex));
    for (const log of logs) events.push(...this.log(log, at));
    for (const vertex of vertexes) events.push(...this.end(vertex));
    for (const { short } of warnings) {
      if (short) events.push({ kind: 'warning', message: Buffer.from(short).toString('utf8') });
    }
    return events;
  }

  private start({ digest, started }: TraceVertex): BuildEvent[] {
    // What has only been named is not placed yet: the rest of its stage may come in the next message.
    const step = started && this.places.find(digest);
    return step ? this.steps.start(step.number, traceDate(started)) : [];
  }

  private end({ digest, name = '', completed, cached = false, error }: TraceVertex): BuildEvent[] {
    if (!completed) return [];
    const at = traceDate(completed);
    const step = this.places.find(digest);
    if (!error) return step ? this.steps.finish(step.number, 'SUCCEEDED', at, { cached }) : [];
    const image = step ? null : (fetchOf(name)?.image ?? null);
    const number = step?.number ?? this.stepThatFetches(image);
    if (number === null) {
      this.failedBase ??= image;
      return [];
    }
    if (/context cancell?ed/i.test(error)) return this.steps.finish(number, 'CANCELED', at);
    this.failedStep = number;
    this.failedBase = step && step.keyword !== 'FROM' ? null : this.steps.baseImage(number);
    const { message } = this.explain({ message: error, code: null });
    return this.steps.finish(number, 'FAILED', at, { error: message });
  }

  private log({ vertex, timestamp, stream, msg }: TraceLog, arrived: Date): BuildEvent[] {
    if (!msg) return [];
    // A trigger of the base image is no step of the Dockerfile's.
    const step = this.places.find(vertex)?.number ?? null;
    const at = timestamp ? traceDate(timestamp) : arrived;
    // Read as Latin-1 so that positions are those of bytes; the marker is at the end, and it is plain ASCII.
    const clip = CLIPPED.exec(Buffer.from(msg.subarray(-200)).toString('latin1'));
    const data = clip ? msg.subarray(0, msg.length - clip[0].length) : msg;
    const events: BuildEvent[] = [];
    if (data.length > 0)
      events.push({ kind: 'log', step, stream: stream === 2 ? 'STDERR' : 'STDOUT', data, at });
    if (clip) events.push({ kind: 'clipped', step, at });
    return events;
  }

  private fail(error: { message: string; code: number | null }, at: Date): BuildEvent[] {
    this.failure = this.explain(error);
    const running = this.needed.filter(({ number }) => this.steps.isRunning(number));
    return running.flatMap(({ number }) => this.steps.finish(number, 'CANCELED', at));
  }

  private explain(error: { message: string; code: number | null }): EngineError {
    return buildFailure(error, this.steps.failed(this.failedStep), { base: this.failedBase });
  }

  private stepThatFetches(image: string | null): number | null {
    return image === null ? null : (baseImageNamed(this.steps.dockerfile, image)?.instruction.number ?? null);
  }
}
