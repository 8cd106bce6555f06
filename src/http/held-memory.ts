import { RateLimitedError, UnavailableError } from '../shared/errors.ts';

export interface MemoryLimits {
  /** Bytes that one viewer's requests may hold together. */
  readonly ofViewer: number;
  /** Bytes that all requests may hold together. */
  readonly inAll: number;
  /** A request of at most so many bytes needs no room in the whole: who fills that must not keep everybody else out. */
  readonly small: number;
}

/** The memory that requests take until their answer is sent, as it is counted by their size. */
export class RequestMemory {
  readonly #ofViewers = new Map<string, number>();
  #inAll = 0;

  constructor(private readonly limits: MemoryLimits) {}

  /** Memory for one request, none as yet. */
  for(viewer: string): HeldMemory {
    return new HeldMemory(this, viewer);
  }

  /** Holds `more` bytes of the viewer's. */
  addToViewer(viewer: string, more: number): void {
    this.#assertRoomOf(viewer, more);
    this.#addTo(viewer, more);
  }

  /** Holds `more` bytes of the whole for a request that has `size` then. */
  addToAll(more: number, size: number): void {
    this.#assertRoomInAll(more, size);
    this.#inAll += more;
  }

  giveBack(viewer: string, ofViewer: number, ofAll: number): void {
    this.#addTo(viewer, -ofViewer);
    this.#inAll -= ofAll;
  }

  #assertRoomOf(viewer: string, more: number): void {
    const { ofViewer } = this.limits;
    if ((this.#ofViewers.get(viewer) ?? 0) + more > ofViewer) {
      throw new RateLimitedError(
        `Your requests under way may have ${ofViewer} bytes together; send this one when others are answered.`,
        1,
      );
    }
  }

  #assertRoomInAll(more: number, size: number): void {
    const { inAll, small } = this.limits;
    if (size > small && this.#inAll + more > inAll) {
      throw new UnavailableError('Too many large requests are under way; try again in a few seconds.');
    }
  }

  #addTo(viewer: string, bytes: number): void {
    const held = (this.#ofViewers.get(viewer) ?? 0) + bytes;
    if (held > 0) this.#ofViewers.set(viewer, held);
    else this.#ofViewers.delete(viewer);
  }
}

/** What one request holds. Disposing of it gives everything back; more than once does no harm. */
export class HeldMemory implements Disposable {
  #held = 0;
  #ofViewer = 0;

  constructor(
    private readonly memory: RequestMemory,
    private readonly viewer: string,
  ) {}

  /**
   * Takes `bytes` that are still to come from what is the viewer's. Of the whole they take nothing: saying that much is coming
   * costs its sender nothing and would keep everybody else out.
   *
   * @throws RateLimitedError the viewer's requests would hold too much
   */
  announce(bytes: number): void {
    if (bytes <= this.#ofViewer) return;
    this.memory.addToViewer(this.viewer, bytes - this.#ofViewer);
    this.#ofViewer = bytes;
  }

  /**
   * Holds `bytes` from now on, or what it held before where that was more; those that were announced are the viewer's already.
   *
   * @throws RateLimitedError the viewer's requests would hold too much; UnavailableError all would
   */
  growTo(bytes: number): void {
    if (bytes <= this.#held) return;
    this.announce(bytes);
    this.memory.addToAll(bytes - this.#held, bytes);
    this.#held = bytes;
  }

  [Symbol.dispose](): void {
    this.memory.giveBack(this.viewer, this.#ofViewer, this.#held);
    this.#held = 0;
    this.#ofViewer = 0;
  }
}
