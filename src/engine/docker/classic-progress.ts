import { findStage, type ParsedDockerfile } from '../../shared/dockerfile.ts';
import type { BuildEvent, EngineError } from '../container-engine.ts';
import type { BuildProgress } from './build-progress.ts';
import { BuildSteps } from './build-steps.ts';
import { LOST } from './classic-alignment.ts';
import { PLAIN, RED } from './classic-stream.ts';
import { buildFailure } from './docker-errors.ts';
import { auxField, type EngineMessage, LOST_BYTE } from './engine-messages.ts';

/** Between steps, in a step that prints nothing yet, or in a container's output. */
type State = 'IDLE' | 'OUTPUT';

const STEP = /^Step (\d+)\/(\d+) : /;
const RUNNING_IN = /^ ---> Running in ([0-9a-f]+)\n$/;
const LAYER = /^ ---> [0-9a-f]+\n$/;
/** What the builder says in a step that has no container's output. */
const OWN =
  /^(?:\n| ---> Using cache\n|# Executing \d+ build trigger|s|Removing intermediate container [0-9a-f]+\n|Successfully (?:built|tagged) .*\n)$/;

/**
 * The stream of Docker's classic builder: its own lines and the steps' output come in one channel, a frame each. Frames
 * are told apart by what may come next, never by their look alone, since a step may print any of the builder's lines.
 * In the data of its log events {@link LOST} stands for each byte that the text could not carry. PURE.
 */
export class ClassicProgress implements BuildProgress {
  failure: EngineError | null = null;
  imageId: string | null = null;
  /** Whose output comes now; `null` between steps. */
  containerId: string | null = null;
  readonly steps: BuildSteps;
  private readonly ownSteps: number;
  private state: State = 'IDLE';
  private current: number | null = null;
  private cached = false;
  private lastOutput = '';
  private said = false;
  /** Frames that look like the end of the container's output, unless the step printed them itself: then more follows. */
  private held: string[] = [];

  /** @param dockerfile what is built, to know each step's line and which steps the engine added (it adds one for labels) */
  constructor(dockerfile: ParsedDockerfile, target: string | null) {
    this.steps = new BuildSteps(dockerfile);
    const stage = findStage(dockerfile, target);
    this.ownSteps = dockerfile.instructions.filter(
      ({ stageIndex }) => stageIndex === null || stage === null || stageIndex <= stage.index,
    ).length;
  }

  read(message: EngineMessage, at: Date): BuildEvent[] {
    if (message.error) return this.fail(message.error, at);
    const id = auxField(message.aux, 'ID');
    if (id !== null) {
      this.imageId = id;
      this.endOutput();
      return this.endStep(at);
    }
    return message.stream === null ? [] : this.frame(message.stream, at);
  }

  private frame(text: string, at: Date): BuildEvent[] {
    const step = STEP.exec(text);
    const isNext = step !== null && Number(step[1]) === (this.current ?? 0) + 1;
    if (this.state === 'OUTPUT' && !(isNext && this.held.length > 0)) return this.inContainer(text, at);
    if (isNext) return this.beginStep(Number(step[1]), Number(step[2]), at);
    const running = RUNNING_IN.exec(text)?.[1];
    if (running !== undefined) {
      this.state = 'OUTPUT';
      this.containerId = running;
      return [];
    }
    if (text === ' ---> Using cache\n') this.cached = true;
    if (OWN.test(text) || LAYER.test(text)) return [];
    if (text.includes('[Warning]') || text.includes('[WARNING]')) {
      return [
        {
          kind: 'warning',
          message: unwrap(text)
            .text.toWellFormed()
            .replace(/^ ---> |\[warning\]:? */gi, '')
            .trim(),
        },
      ];
    }
    // A step printed all that ends it, and the next step's first line: what it prints then is still not lost.
    return this.current === null ? [] : this.output(text, at);
  }

  private inContainer(text: string, at: Date): BuildEvent[] {
    if (this.held.length === 1 && LAYER.test(text)) {
      this.held.push(text);
      return [];
    }
    const next = RUNNING_IN.exec(text)?.[1];
    if (this.held.length === 1 && next !== undefined && this.isFetching()) {
      this.held = [];
      this.containerId = next;
      return [];
    }
    const printed = this.held.splice(0);
    if (text === `Removing intermediate container ${this.containerId}\n`) this.held.push(text);
    else printed.push(text);
    return printed.flatMap((frame) => this.output(frame, at));
  }

  /** Only triggers of a base image make a step of several containers. */
  private isFetching(): boolean {
    return this.current !== null && this.steps.instruction(this.current)?.keyword === 'FROM';
  }

  private endOutput(): void {
    this.state = 'IDLE';
    this.containerId = null;
    this.held = [];
  }

  private beginStep(number: number, total: number, at: Date): BuildEvent[] {
    this.endOutput();
    const events = this.endStep(at);
    if (!this.said) events.push({ kind: 'total', steps: Math.min(total, this.ownSteps) });
    this.said = true;
    this.current = number;
    this.imageId = null;
    this.lastOutput = '';
    return number > this.ownSteps ? events : [...events, ...this.steps.start(number, at)];
  }

  private endStep(at: Date): BuildEvent[] {
    const { current, cached } = this;
    this.cached = false;
    return current !== null && this.steps.isRunning(current)
      ? this.steps.finish(current, 'SUCCEEDED', at, { cached })
      : [];
  }

  private output(text: string, at: Date): BuildEvent[] {
    const { text: printed, stream } = unwrap(text);
    this.lastOutput = (this.lastOutput + printed).slice(-200);
    return [{ kind: 'log', step: this.current, stream, data: encode(printed), at }];
  }

  private fail(error: { message: string; code: number | null }, at: Date): BuildEvent[] {
    const number = this.current !== null && this.current <= this.ownSteps ? this.current : null;
    const base = number === null || this.state !== 'IDLE' ? null : this.steps.baseImage(number);
    this.failure = buildFailure(error, this.steps.failed(number), { base, output: this.lastOutput });
    this.containerId = null;
    return number === null ? [] : this.steps.finish(number, 'FAILED', at, { error: this.failure.message });
  }
}

/** By code points: half of a character may look like a lost byte. */
const LOST_BYTES = new RegExp(LOST_BYTE, 'gu');

function encode(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  // In one buffer, since of binary output every other byte is lost.
  const bytes = Buffer.allocUnsafe(3 * text.length);
  let length = 0;
  let from = 0;
  for (const { index } of text.matchAll(LOST_BYTES)) {
    if (index > from) length += bytes.write(text.slice(from, index), length);
    bytes[length++] = LOST;
    from = index + 1;
  }
  length += bytes.write(text.slice(from), length);
  return bytes.subarray(0, length);
}

/** What looks like standard error may be standard output in bright red: ClassicOutput finds that out. */
function unwrap(text: string): { text: string; stream: 'STDOUT' | 'STDERR' } {
  return text.startsWith(RED) && text.endsWith(PLAIN) && text.length > RED.length + PLAIN.length
    ? { text: text.slice(RED.length, -PLAIN.length), stream: 'STDERR' }
    : { text, stream: 'STDOUT' };
}
