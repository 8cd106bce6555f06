import { type DockerfileInstruction, neededStages, type ParsedDockerfile } from '../../shared/dockerfile.ts';
import type { BuildEvent, EngineError } from '../container-engine.ts';
import { type BuildProgress, outputEvents } from './build-progress.ts';
import { BuildSteps } from './build-steps.ts';
import { buildFailure } from './docker-errors.ts';
import { auxField, type EngineMessage } from './engine-messages.ts';

const STEP = /^(?:\[(\d+)\/\d+\] )?STEP (\d+)\/\d+: (\S+)/;
/** What comes when a step is over, unless the step printed it itself: then more output follows. */
const END = /^(?:--> [0-9a-f]{11,64}|(?:\[\d+\/\d+\] )?COMMIT\b.*|[0-9a-f]{64})\n$/;
const CACHED = /^--> Using cache ([0-9a-f]{64})\n$/;
/** What it prints, as a step's last output, when the step's process was killed. */
const KILLED = 'container exited on killed\n';

/**
 * The stream of Podman's builder: steps count anew in each stage, and a step's standard output and standard error come
 * in one. Frames are told apart by what may come next. PURE.
 */
export class PodmanProgress implements BuildProgress {
  failure: EngineError | null = null;
  imageId: string | null = null;
  readonly steps: BuildSteps;
  private readonly needed: readonly DockerfileInstruction[];
  private stageAt = -1;
  private inStage = 0;
  private current: number | null = null;
  private cached = false;
  private printed = false;
  private lastOutput = '';
  /** Frames that look like the step's end, or as if it came from the cache. */
  private held: string[] = [];

  constructor(dockerfile: ParsedDockerfile, target: string | null) {
    this.steps = new BuildSteps(dockerfile);
    const stages = neededStages(dockerfile, target);
    this.needed = dockerfile.instructions.filter(
      ({ stageIndex }) => stageIndex === null || stages.has(stageIndex),
    );
  }

  read(message: EngineMessage, at: Date): BuildEvent[] {
    if (message.error) return this.fail(message.error, at);
    const id = auxField(message.aux, 'ID');
    if (id !== null) {
      this.imageId = id.startsWith('sha256:') ? id : `sha256:${id}`;
      return this.endStep(at);
    }
    return message.stream === null ? [] : this.frame(message.stream, at);
  }

  private frame(text: string, at: Date): BuildEvent[] {
    const [, stage, number, keyword] = STEP.exec(text) ?? [];
    const begins = number === '1' && keyword?.toUpperCase() === 'FROM' && this.isNextStage(stage);
    if (begins || (number !== undefined && Number(number) === this.inStage + 1 && this.stageAt >= 0)) {
      const next = number === '1' ? Number(stage ?? '1') - 1 : this.stageAt;
      return this.beginStep(next, Number(number), at);
    }
    const instruction = this.current === null ? null : this.steps.instruction(this.current);
    if (instruction?.keyword !== 'RUN') {
      if (CACHED.test(text)) this.cached = true;
      return [];
    }
    const isCached = !this.printed && this.held.length === 0 && CACHED.test(text);
    if (isCached || END.test(text)) {
      this.cached ||= isCached;
      this.held.push(text);
      return [];
    }
    const frames = [...this.held.splice(0), text];
    this.printed = true;
    this.cached = false;
    return frames.flatMap((frame) => this.output(instruction.number, frame, at));
  }

  private output(step: number, text: string, at: Date): BuildEvent[] {
    this.lastOutput = (this.lastOutput + text).slice(-200);
    return outputEvents(step, 'STDOUT', text, at);
  }

  /** Stages are named by their place in the Dockerfile where there are several, and come in that order. */
  private isNextStage(stage: string | undefined): boolean {
    return stage === undefined ? this.stageAt < 0 : Number(stage) - 1 > this.stageAt;
  }

  private beginStep(stage: number, number: number, at: Date): BuildEvent[] {
    const events = this.endStep(at);
    if (this.stageAt < 0) {
      events.push({ kind: 'total', steps: this.needed.length });
      for (const step of this.needed)
        if (step.stageIndex === null) events.push(...this.steps.pass(step.number));
    }
    this.stageAt = stage;
    this.inStage = number;
    this.imageId = null;
    this.printed = false;
    this.lastOutput = '';
    this.held = [];
    const inStage = this.needed.filter(({ stageIndex }) => stageIndex === stage);
    // The engine adds a step for labels at the end.
    this.current = inStage[number - 1]?.number ?? null;
    return this.current === null ? events : [...events, ...this.steps.start(this.current, at)];
  }

  private endStep(at: Date): BuildEvent[] {
    const { current, cached } = this;
    if (current === null || !this.steps.isRunning(current)) return [];
    const [first = '', ...rest] = this.held.splice(0);
    const image = CACHED.exec(first)?.[1];
    // Of a step that printed the line itself, another image is what its end names.
    const isPrinted = image !== undefined && !rest.some((text) => isIdOf(text, image));
    const events = isPrinted ? this.output(current, first, at) : [];
    this.cached = false;
    return [...events, ...this.steps.finish(current, 'SUCCEEDED', at, { cached: cached && !isPrinted })];
  }

  private fail(error: { message: string; code: number | null }, at: Date): BuildEvent[] {
    const base = this.current === null ? null : this.steps.baseImage(this.current);
    // Its own error speaks of exit status 1 then.
    const code = this.lastOutput.endsWith(KILLED) ? 137 : error.code;
    this.failure = buildFailure({ ...error, code }, this.steps.failed(this.current), {
      base,
      output: this.lastOutput,
    });
    if (this.current === null) return [];
    // A step that fails has no end of which the builder speaks.
    const { current } = this;
    const printed = this.held.splice(0).flatMap((frame) => this.output(current, frame, at));
    return [...printed, ...this.steps.finish(current, 'FAILED', at, { error: this.failure.message })];
  }
}

/** Is the line about the image with this id? */
function isIdOf(text: string, image: string): boolean {
  const id = /^(?:--> )?([0-9a-f]{11,64})\n$/.exec(text)?.[1];
  return id !== undefined && image.startsWith(id);
}
