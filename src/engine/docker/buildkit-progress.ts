import {
  type DockerfileInstruction,
  findStage,
  neededStages,
  type ParsedDockerfile,
} from '../../shared/dockerfile.ts';
import type { BuildEvent, EngineError } from '../container-engine.ts';
import type { BuildProgress } from './build-progress.ts';
import { BuildSteps } from './build-steps.ts';
import { baseImageNamed, FETCH } from './buildkit-names.ts';
import { decodeTrace, type TraceLog, type TraceVertex, traceDate } from './buildkit-trace.ts';
import { buildFailure } from './docker-errors.ts';
import { auxField, type EngineMessage } from './engine-messages.ts';

/** E.g. `[build 2/4] RUN make`; with one stage only, `[2/4] RUN make`. */
const VERTEX = /^\[(?:(?:\S+ )?(\S+) )?(\d+)\/(\d+)\] /;
/** BuildKit cuts a step's output above a rate and a size, and says so at the end of the last piece that it lets through. */
const CLIPPED = /\n?\[output clipped, log limit [^\]\n]* reached\]\n$/;

/**
 * The stream of BuildKit: a graph of vertices, each with its own log. It only knows instructions that make a layer and
 * runs them side by side; the others count as done when the build is. PURE.
 */
export class BuildKitProgress implements BuildProgress {
  failure: EngineError | null = null;
  imageId: string | null = null;
  private readonly steps: BuildSteps;
  private readonly needed: readonly DockerfileInstruction[];
  /** The step of each vertex, by the vertex's digest. */
  private readonly stepOf = new Map<string, number>();
  private readonly target: number | null;
  private failedStep: number | null = null;
  private failedBase: string | null = null;
  private said = false;

  constructor(dockerfile: ParsedDockerfile, target: string | null) {
    this.steps = new BuildSteps(dockerfile);
    this.target = findStage(dockerfile, target)?.index ?? null;
    const stages = neededStages(dockerfile, target);
    this.needed = dockerfile.instructions.filter(
      ({ stageIndex }) => stageIndex === null || stages.has(stageIndex),
    );
  }

  read(message: EngineMessage, at: Date): BuildEvent[] {
    if (message.error) return this.fail(message.error, at);
    if (message.id === 'moby.image.id') {
      this.imageId = auxField(message.aux, 'ID');
      return this.needed.flatMap(({ number }) => this.steps.pass(number));
    }
    if (message.id !== 'moby.buildkit.trace' || typeof message.aux !== 'string') return [];
    const { vertexes = [], logs = [], warnings = [] } = decodeTrace(message.aux);
    const events: BuildEvent[] = this.said ? [] : [{ kind: 'total', steps: this.needed.length }];
    this.said = true;
    for (const vertex of vertexes) events.push(...this.vertex(vertex));
    for (const log of logs) events.push(...this.log(log, at));
    for (const { short } of warnings) {
      if (short) events.push({ kind: 'warning', message: Buffer.from(short).toString('utf8') });
    }
    return events;
  }

  private vertex({
    digest,
    name = '',
    started,
    completed,
    cached = false,
    error,
  }: TraceVertex): BuildEvent[] {
    const number = this.stepOf.get(digest) ?? this.find(name);
    if (number === null) {
      if (error) this.failedBase ??= FETCH.exec(name)?.[1] ?? null;
      return [];
    }
    this.stepOf.set(digest, number);
    const isOfStep = VERTEX.test(name);
    const events = started && isOfStep ? this.steps.start(number, traceDate(started)) : [];
    if (!completed || (!isOfStep && !error)) return events;
    if (error && /context cancell?ed/i.test(error)) {
      return [...events, ...this.steps.finish(number, 'CANCELED', traceDate(completed))];
    }
    if (!error)
      return [...events, ...this.steps.finish(number, 'SUCCEEDED', traceDate(completed), { cached })];
    this.failedStep = number;
    this.failedBase = isOfStep ? null : this.steps.baseImage(number);
    const { message } = this.explain({ message: error, code: null });
    return [...events, ...this.steps.finish(number, 'FAILED', traceDate(completed), { error: message })];
  }

  private log({ vertex, timestamp, stream, msg }: TraceLog, arrived: Date): BuildEvent[] {
    const step = this.stepOf.get(vertex) ?? null;
    if (!msg || step === null) return [];
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

  /** The instruction that a vertex stands for; `null` for BuildKit's own, such as loading the context. */
  private find(name: string): number | null {
    const image = FETCH.exec(name)?.[1];
    if (image !== undefined) {
      return baseImageNamed(this.steps.dockerfile, image)?.instruction.number ?? null;
    }
    const [, stage, index, total] = VERTEX.exec(name) ?? [];
    const stages = this.steps.dockerfile.stages;
    const at = stages.findLast(
      ({ name: own, index: i }) => own === stage?.toLowerCase() || `stage-${i}` === stage,
    );
    const inStage = this.needed.filter(({ stageIndex }) => stageIndex === (at?.index ?? this.target));
    const from = inStage[0];
    const base = stages[at?.index ?? this.target ?? -1]?.base;
    const isFromStage =
      base === 'scratch' || stages.some(({ name: other }) => other !== null && other === base?.toLowerCase());
    const layers = inStage.filter(({ keyword }) => ['RUN', 'COPY', 'ADD', 'WORKDIR'].includes(keyword));
    const vertices = from && !isFromStage ? [from, ...layers] : layers;
    // Old versions do not count WORKDIR.
    const counted =
      vertices.length === Number(total) ? vertices : vertices.filter(({ keyword }) => keyword !== 'WORKDIR');
    return counted[Number(index) - 1]?.number ?? null;
  }
}
