import { findStage, type ParsedDockerfile } from '../../shared/dockerfile.ts';
import type { BuildEvent, EngineError } from '../container-engine.ts';
import type { BuildProgress } from './build-progress.ts';
import { BuildSteps } from './build-steps.ts';
import { LOST } from './classic-alignment.ts';
import { buildFailure } from './docker-errors.ts';
import { auxField, type EngineMessage, LOST_BYTE } from './engine-messages.ts';

/** Between steps, in a step that prints nothing yet, in a container's output, or behind the line that ends it. */
type State = 'IDLE' | 'OUTPUT' | 'ENDED';

const STEP = /^Step (\d+)\/(\d+) : /;
const RUNNING_IN = /^ ---> Running in ([0-9a-f]+)\n$/;
const LAYER = /^ ---> [0-9a-f]+\n$/;
/** The daemon wraps what a step prints on its standard error in bright red, one frame at a time. */
const STDERR_START = '\x1b[91m';
const STDERR_END = '\x1b[0m';

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
  private readonly steps: BuildSteps;
  private readonly ownSteps: number;
  private state: State = 'IDLE';
  private current: number | null = null;
  private cached = false;
  private lastOutput = '';
  private said = false;

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
      return this.endStep(at);
    }
    return message.stream === null ? [] : this.frame(message.stream, at);
  }

  private frame(text: string, at: Date): BuildEvent[] {
    if (this.state === 'OUTPUT') {
      if (text !== `Removing intermediate container ${this.containerId}\n`) return this.output(text, at);
      this.state = 'ENDED';
      return [];
    }
    const step = STEP.exec(text);
    const isNext = step !== null && Number(step[1]) === (this.current ?? 0) + 1;
    if (this.state === 'ENDED' && !isNext && !LAYER.test(text)) {
      // A step that knows its own container's id printed the line that seemed to end it.
      this.state = 'OUTPUT';
      const held = this.output(`Removing intermediate container ${this.containerId}\n`, at);
      return [...held, ...this.output(text, at)];
    }
    if (this.state === 'ENDED') {
      this.state = 'IDLE';
      this.containerId = null;
    }
    if (isNext) return this.beginStep(Number(step[1]), Number(step[2]), at);
    const running = RUNNING_IN.exec(text)?.[1];
    if (running !== undefined) {
      this.state = 'OUTPUT';
      this.containerId = running;
    } else if (text === ' ---> Using cache\n') this.cached = true;
    else if (text.includes('[Warning]') || text.includes('[WARNING]')) {
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
    return [];
  }

  private beginStep(number: number, total: number, at: Date): BuildEvent[] {
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

function unwrap(text: string): { text: string; stream: 'STDOUT' | 'STDERR' } {
  return text.startsWith(STDERR_START) && text.endsWith(STDERR_END)
    ? { text: text.slice(STDERR_START.length, -STDERR_END.length), stream: 'STDERR' }
    : { text, stream: 'STDOUT' };
}
