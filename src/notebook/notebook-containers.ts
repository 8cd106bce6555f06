import type { ContainerDetails, ContainerSummary, EngineImage } from '../engine/container-engine.ts';
import { once } from '../shared/keyset.ts';
import { ifItCan, type NotebookEngine } from './notebook-engine.ts';

/**
 * Containers and their images as one operation sees them: however many of its fields want to know, each question is asked once.
 * Every one throws UnavailableError where there is no answer before the deadline, which is one for all of them.
 */
export class NotebookContainers {
  readonly #details = new Map<string, Promise<ContainerDetails | null>>();
  readonly #images = new Map<string, Promise<EngineImage | null>>();

  constructor(
    private readonly engine: NotebookEngine,
    private readonly label: string,
    readonly deadline: AbortSignal,
  ) {}

  /** All that carry the label by which notebooks are known. */
  readonly all = once<readonly ContainerSummary[]>(() =>
    this.engine.ask(this.deadline, (engine, options) => engine.containers(this.label, options)),
  );

  /** One container; `null`: it has gone. */
  details(id: string): Promise<ContainerDetails | null> {
    return onceFor(this.#details, id, () =>
      this.engine.ask(this.deadline, (engine, options) => engine.container(id, options)),
    );
  }

  /** An image; `null`: the engine has it no more, or cannot read it. */
  image(id: string): Promise<EngineImage | null> {
    return onceFor(this.#images, id, () =>
      this.engine.ask(this.deadline, (engine, options) => ifItCan(engine.image(id, options))),
    );
  }
}

function onceFor<T>(answers: Map<string, Promise<T>>, id: string, ask: () => Promise<T>): Promise<T> {
  const answer = answers.get(id) ?? ask();
  answers.set(id, answer);
  return answer;
}
