import type { ParsedDockerfile } from '../../shared/dockerfile.ts';
import type { BuildEvent } from '../container-engine.ts';
import { BaseFetches, type SilentFetch } from './base-fetches.ts';
import type { EngineMessage } from './engine-messages.ts';

/** The base image of a step, for builders that do one step after the other. */
abstract class StepFetches extends BaseFetches {
  protected fetch: Omit<SilentFetch, 'silentMs'> | null = null;
  private lastMs = 0;

  constructor(private readonly dockerfile: ParsedDockerfile) {
    super();
  }

  read(message: EngineMessage, events: readonly BuildEvent[]): void {
    this.lastMs = this.waitedMs;
    for (const event of events) if (event.kind === 'step') this.enter(event.step.status, event.step.number);
    this.see(message);
  }

  silent(): SilentFetch | null {
    return this.fetch === null || !this.isWaiting()
      ? null
      : { ...this.fetch, silentMs: this.waitedMs - this.lastMs };
  }

  protected abstract see(message: EngineMessage): void;
  protected abstract isWaiting(): boolean;

  protected enter(status: string, number: number): void {
    const use = this.dockerfile.baseImages.find(({ instruction }) => instruction.number === number);
    // A RUN with an image mounted would be as silent as its command.
    this.fetch =
      status === 'RUNNING' && use && use.instruction.keyword !== 'RUN'
        ? { base: use.reference ?? use.written, step: number, line: use.instruction.line }
        : null;
  }
}

/** What a layer says while the registry is to send it. Not `Waiting`: then other builds' downloads have all the engine's slots. */
const FROM_REGISTRY = /^(?:Pulling fs layer|Downloading|Retrying)/;

/**
 * Docker's classic builder fetches a base at the step that names it first, and says `Status: …` when it has it; what a step
 * does afterwards, such as a trigger of the base or a long copy, may be silent as long as it likes. It says so of an image that it
 * has already too, since we build with `pull`: then it asks the registry in every case, also for a `COPY --from`. PURE.
 */
export class ClassicFetches extends StepFetches {
  private readonly fetched = new Set<string>();
  private readonly layers = new Map<string, string>();

  protected override enter(status: string, number: number): void {
    super.enter(status, number);
    this.layers.clear();
    if (this.fetch !== null && this.fetched.has(this.fetch.base)) this.fetch = null;
  }

  protected see({ id, status }: EngineMessage): void {
    if (this.fetch === null || status === null) return;
    if (status.startsWith('Status: ')) {
      this.fetched.add(this.fetch.base);
      this.fetch = null;
    } else if (id !== null && !status.startsWith('Pulling from ')) this.layers.set(id, status);
  }

  protected isWaiting(): boolean {
    const layers = [...this.layers.values()];
    return layers.length === 0 || layers.some((status) => FROM_REGISTRY.test(status));
  }
}

/**
 * Podman says when it turns to the registry and when it has the manifest, but nothing while it fetches a layer: so only a
 * registry that is silent from the start is found out. PURE.
 */
export class PodmanFetches extends StepFetches {
  private trying = false;

  protected see({ stream }: EngineMessage): void {
    this.trying = stream?.startsWith('Trying to pull ') === true;
  }

  protected isWaiting(): boolean {
    return this.trying;
  }
}
