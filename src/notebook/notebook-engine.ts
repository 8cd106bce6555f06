import { type CallOptions, type ContainerEngine, EngineError } from '../engine/container-engine.ts';
import { UnavailableError } from '../shared/errors.ts';
import { Turnstile } from '../shared/turnstile.ts';

/** Questions about notebooks that this process asks the engine at a time, whoever asks them. */
const AT_A_TIME = 16;

const TOO_MANY = 'Too many questions wait for the container engine; try again in a while.';

/** The engine as notebooks need it: its answer, or UNAVAILABLE. */
export class NotebookEngine {
  readonly #turnstile: Turnstile;

  /** @param waitMs how long a question waits for its turn */
  constructor(
    private readonly engine: ContainerEngine | null,
    waitMs: number,
  ) {
    this.#turnstile = new Turnstile(AT_A_TIME, waitMs, TOO_MANY);
  }

  /** @throws UnavailableError where there is none */
  get port(): ContainerEngine {
    if (this.engine !== null) return this.engine;
    throw new UnavailableError('This server has no container engine, so it knows of no notebooks.');
  }

  /**
   * Asks what is answered soon.
   *
   * @throws UnavailableError where there is no answer before the deadline
   */
  async ask<T>(
    deadline: AbortSignal,
    question: (engine: ContainerEngine, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    const engine = this.port;
    return await this.#turnstile.pass(async () => {
      try {
        deadline.throwIfAborted();
        return await question(engine, { signal: deadline });
      } catch (error) {
        if (deadline.aborted || error instanceof EngineError) throw noAnswer(error);
        throw error;
      }
    });
  }
}

/** The answer; `null` where the engine answers that it cannot, rather than not at all. */
export async function ifItCan<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof EngineError && error.reason !== 'ENGINE_UNAVAILABLE') return null;
    throw error;
  }
}

export function noAnswer(cause: unknown): UnavailableError {
  return new UnavailableError('The container engine does not answer; try again in a while.', { cause });
}
