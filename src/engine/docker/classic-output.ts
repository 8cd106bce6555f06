import type { BuildEvent } from '../container-engine.ts';
import { type ExactPiece, LOST, unrepaired } from './classic-alignment.ts';
import { ClassicAttach } from './classic-attach.ts';
import { isDoubtful, streamOf, wrapped } from './classic-stream.ts';
import type { EngineConnection } from './engine-connection.ts';

/** How long to wait for bytes that the builder has told of already. They come at the same time unless the daemon is in trouble. */
const PATIENCE_MS = 2_000;

/**
 * The events of the classic builder with the bytes that its text lost, fetched by an attach to the container of each
 * step. Order and completeness are the builder's; where the bytes cannot be had, U+FFFD stays and a gap is told.
 * docs/decisions/0005-exact-log-bytes.md has the figures.
 */
export class ClassicOutput {
  private attached: ClassicAttach | null = null;
  private step: number | null = null;
  /** Has a gap been told for a guess of a stream in this container? */
  private hasGuessed = false;

  constructor(
    private readonly engine: EngineConnection,
    private readonly signal: AbortSignal,
  ) {}

  /** @param containerId whose output the builder sends now; `null` between steps */
  async *read(events: readonly BuildEvent[], containerId: string | null): AsyncIterable<BuildEvent> {
    if (this.attached !== null && this.attached.containerId !== containerId) yield* this.leave(this.attached);
    if (this.attached === null) this.hasGuessed = false;
    if (containerId !== null) this.attached ??= new ClassicAttach(this.engine, containerId, this.signal);
    this.attached?.setListening(false);
    for (const event of events) {
      if (event.kind === 'log') yield* this.log(event);
      else yield event;
    }
    this.attached?.setListening(true);
  }

  private async *log(event: BuildEvent & { kind: 'log' }): AsyncIterable<BuildEvent> {
    const clipped = { kind: 'clipped', step: event.step, at: event.at } as const;
    const frame = Buffer.from(event.data.buffer, event.data.byteOffset, event.data.byteLength);
    const known = event.stream === 'STDERR' ? await this.streamOf(frame) : 'STDOUT';
    const name = known ?? event.stream;
    const told = name === event.stream ? frame : wrapped(frame);
    const stream = this.attached?.streams[name];
    this.step = event.step;
    stream?.tell(told);
    const { data, whole } = told.includes(LOST) ? await this.exact(told, name) : { data: told, whole: true };
    yield { ...event, stream: name, data };
    const isGuess = known === null && !this.hasGuessed && isDoubtful(frame);
    this.hasGuessed ||= isGuess;
    const hasDoubt = stream?.takeDoubt() ?? false;
    if (!whole || hasDoubt || isGuess) yield clipped;
  }

  /** Whose a frame is that looks like standard error; `null` where the attach cannot tell. */
  private async streamOf(frame: Buffer): Promise<'STDOUT' | 'STDERR' | null> {
    const { attached } = this;
    if (attached === null) return null;
    let found = streamOf(frame, attached.streams);
    if (found !== 'LATER') return found;
    const patience = AbortSignal.timeout(PATIENCE_MS);
    while (found === 'LATER') {
      const hasMore = await attached.more(patience);
      found = streamOf(frame, attached.streams);
      if (hasMore || found !== 'LATER') continue;
      for (const stream of Object.values(attached.streams)) stream.giveUp();
      return null;
    }
    return found;
  }

  private async exact(told: Buffer, name: 'STDOUT' | 'STDERR'): Promise<ExactPiece> {
    const { attached } = this;
    if (attached === null) return unrepaired(told);
    const stream = attached.streams[name];
    let exact = stream.exact(told);
    if (exact !== null) return exact;
    const patience = AbortSignal.timeout(PATIENCE_MS);
    while (exact === null) {
      if (!(await attached.more(patience))) stream.giveUp();
      exact = stream.exact(told);
    }
    return exact;
  }

  /** The step is over: were bytes filled in that did not belong there? Only then is there anything to tell. */
  private async *leave(attached: ClassicAttach): AsyncIterable<BuildEvent> {
    const streams = Object.values(attached.streams);
    if (streams.some(({ hasRepaired }) => hasRepaired)) {
      const patience = AbortSignal.timeout(PATIENCE_MS);
      while (await attached.more(patience));
      for (const stream of streams) stream.end();
    }
    attached.close();
    this.attached = null;
    if (streams.filter((stream) => stream.takeDoubt()).length > 0)
      yield { kind: 'clipped', step: this.step, at: new Date() };
  }
}
