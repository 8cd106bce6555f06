import { RateLimitedError, UnavailableError } from '../shared/errors.ts';

export interface MemoryLimits {
  /** Bytes that one viewer's requests may hold together. */
  readonly ofViewer: number;
  /** Bytes that all requests may hold together. */
  readonly inAll: number;
  /** A request of at most so many bytes needs no room in the whole: who fills that must not keep everybody else out. */
  readonly small: number;
}

/** What one request holds. Disposing of it gives everything back; more than once does no harm. */
export interface HeldMemory extends Disposable {
  /**
   * Holds `bytes` from now on, or what it held before where that was more.
   *
   * @throws RateLimitedError the viewer's requests would hold too much; UnavailableError all would
   */
  growTo(bytes: number): void;
}

/** The memory that requests take from before they are read until their answer is sent, as it is counted by their size. */
export class RequestMemory {
  readonly #ofViewers = new Map<string, number>();
  #inAll = 0;

  constructor(private readonly limits: MemoryLimits) {}

  /** Memory for one request, none as yet. */
  for(viewer: string): HeldMemory {
    let held = 0;
    return {
      growTo: (bytes) => {
        if (bytes <= held) return;
        this.#assertRoom(viewer, bytes - held, bytes);
        this.#add(viewer, bytes - held);
        held = bytes;
      },
      [Symbol.dispose]: () => {
        this.#add(viewer, -held);
        held = 0;
      },
    };
  }

  #assertRoom(viewer: string, more: number, size: number): void {
    const { ofViewer, inAll, small } = this.limits;
    if ((this.#ofViewers.get(viewer) ?? 0) + more > ofViewer) {
      throw new RateLimitedError(
        `Your requests under way may have ${ofViewer} bytes together; send this one when others are answered.`,
        1,
      );
    }
    if (size > small && this.#inAll + more > inAll) {
      throw new UnavailableError('Too many large requests are under way; try again in a few seconds.');
    }
  }

  #add(viewer: string, bytes: number): void {
    this.#inAll += bytes;
    const held = (this.#ofViewers.get(viewer) ?? 0) + bytes;
    if (held > 0) this.#ofViewers.set(viewer, held);
    else this.#ofViewers.delete(viewer);
  }
}
