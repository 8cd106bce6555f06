import type { DockerfileInstruction, ParsedDockerfile } from '../../shared/dockerfile.ts';
import type { BuildEvent, BuildStep, EngineError } from '../container-engine.ts';
import type { FailedStep } from './docker-errors.ts';

type StepStatus = BuildStep['status'];

/** Keeps what is known of each step of one build and says it as events: RUNNING at most once, then an end. */
export class BuildSteps {
  private readonly steps = new Map<number, BuildStep>();

  constructor(readonly dockerfile: ParsedDockerfile) {}

  instruction(number: number): DockerfileInstruction | null {
    return this.dockerfile.instructions[number - 1] ?? null;
  }

  /** The image that the step fetches; `null` where it fetches none. */
  baseImage(number: number): string | null {
    const use = this.dockerfile.baseImages.find(({ instruction }) => instruction.number === number);
    return use ? (use.reference ?? use.written) : null;
  }

  /** The step begins; nothing is said of one that has begun already. */
  start(number: number, at: Date): BuildEvent[] {
    return this.steps.has(number) ? [] : this.change(number, { status: 'RUNNING', startedAt: at });
  }

  /** The step ends; a later end of the same kind only moves its time. */
  finish(
    number: number,
    status: Exclude<StepStatus, 'RUNNING'>,
    at: Date,
    facts: Partial<BuildStep> = {},
  ): BuildEvent[] {
    const before = this.steps.get(number);
    if (before && (before.status === 'FAILED' || before.status === 'CANCELED')) return [];
    return this.change(number, { startedAt: before?.startedAt ?? at, ...facts, status, finishedAt: at });
  }

  /** The step took no time that anybody could measure: an ENV, say, of which BuildKit does not speak. */
  pass(number: number): BuildEvent[] {
    return this.steps.has(number) ? [] : this.change(number, { status: 'SUCCEEDED' });
  }

  /** The build ends for a reason that the builder does not know: its step has failed, and the others that run are canceled. */
  fail({ step, message }: EngineError, at: Date): BuildEvent[] {
    const failed = step === null ? [] : this.finish(step, 'FAILED', at, { error: message });
    const running = [...this.steps.keys()].filter((number) => this.isRunning(number));
    return [...failed, ...running.flatMap((number) => this.finish(number, 'CANCELED', at))];
  }

  isRunning(number: number): boolean {
    return this.steps.get(number)?.status === 'RUNNING';
  }

  failed(number: number | null): FailedStep | null {
    const step = number === null ? undefined : (this.steps.get(number) ?? this.blank(number));
    return step ? { number: step.number, line: step.line, name: step.name } : null;
  }

  private change(number: number, facts: Partial<BuildStep>): BuildEvent[] {
    const step = { ...(this.steps.get(number) ?? this.blank(number)), ...facts };
    this.steps.set(number, step);
    return [{ kind: 'step', step }];
  }

  private blank(number: number): BuildStep {
    const instruction = this.instruction(number);
    return {
      number,
      stage: instruction?.stage ?? null,
      name: instruction?.text ?? `Step ${number}`,
      line: instruction?.line ?? null,
      status: 'RUNNING',
      cached: false,
      startedAt: null,
      finishedAt: null,
      error: null,
    };
  }
}
