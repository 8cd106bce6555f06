import { LRUCache } from 'lru-cache';
import { type ContainerEngine, type ContainerFootprint, EngineError } from '../engine/container-engine.ts';
import { UnavailableError } from '../shared/errors.ts';
import { Turnstile } from '../shared/turnstile.ts';
import { credentialFilesAmong } from './credential-files.rules.ts';
import { ifItCan, type NotebookEngine, noAnswer } from './notebook-engine.ts';

/** Containers that this process has the engine walk through at a time. */
const LOOKS_AT_A_TIME = 2;
/** How long what was found is told again. */
const KEPT_MS = 30_000;
const KEPT_LOOKS = 1000;
/** Of the names of files, over all looks that are kept. */
const KEPT_CHARACTERS = 4 * 1024 * 1024;

/** What is looked at: a notebook's container. */
interface LookedAt {
  readonly containerId: string;
  /** `null` where the engine did not say what is mounted. */
  readonly uncapturedMounts: readonly string[] | null;
}

/** Files that a notebook has written and that by their names hold credentials. */
export interface CredentialFiles {
  /** Absolute paths, the surest first. */
  readonly paths: readonly string[];
  /** False where there was too much to look at: then some may be missing. */
  readonly complete: boolean;
}

/** One look at a container: first what its files take, then, where somebody asks, their names. */
interface Look {
  readonly footprint: Promise<ContainerFootprint | null>;
  /** When that was there, by `performance.now()`; it is kept from then on, however late the names are asked for. */
  countedAt: number | null;
  credentials: Promise<CredentialFiles | null> | null;
}

/**
 * Looks at what containers have written. An engine walks all of it, some 9 s for half a million files, and Docker keeps the
 * container locked meanwhile, for a pause and an inspect too. It also walks on when the one who asked has gone. So everybody
 * shares one look at a container, nobody who gives up waiting ends it, and no other is begun while it lasts.
 */
export class NotebookFiles {
  readonly #turnstile: Turnstile;
  readonly #underWay = new Map<string, Look>();
  readonly #kept: LRUCache<string, Look>;

  /** @param waitMs how long a look waits for its turn; then it is not begun, for nobody waits for it any more */
  constructor(
    private readonly engine: NotebookEngine,
    waitMs: number,
    keptMs = KEPT_MS,
  ) {
    this.#turnstile = new Turnstile(LOOKS_AT_A_TIME, waitMs, 'Too many looks wait for the container engine.');
    this.#kept = new LRUCache({ max: KEPT_LOOKS, ttl: keptMs, maxSize: KEPT_CHARACTERS });
  }

  /**
   * What a container's files take; `null` where the engine does not say before the deadline, or cannot.
   *
   * @throws UnavailableError where the engine is away
   */
  async footprint({ containerId }: LookedAt, deadline: AbortSignal): Promise<ContainerFootprint | null> {
    return deadline.aborted ? null : await untilDeadline(this.#lookAt(containerId).footprint, deadline);
  }

  /** The same of files with credentials, by their names alone: their contents are not looked at. */
  async credentials(container: LookedAt, deadline: AbortSignal): Promise<CredentialFiles | null> {
    if (deadline.aborted) return null;
    const look = this.#lookAt(container.containerId);
    if (look.credentials === null) {
      look.credentials = this.#lookForCredentials(container, look);
      this.#follow(container.containerId, look, look.credentials);
    }
    return await untilDeadline(look.credentials, deadline);
  }

  #lookAt(containerId: string): Look {
    const known = this.#underWay.get(containerId) ?? this.#kept.get(containerId);
    if (known !== undefined) return known;
    const look: Look = {
      footprint: this.#walk((engine) => engine.footprint(containerId)),
      countedAt: null,
      credentials: null,
    };
    this.#follow(containerId, look, look.footprint);
    return look;
  }

  async #lookForCredentials(
    { containerId, uncapturedMounts }: LookedAt,
    { footprint }: Look,
  ): Promise<CredentialFiles | null> {
    if ((await footprint)?.writtenBytes === 0) return { paths: [], complete: true };
    const changed = await this.#walk((engine) => engine.changedPaths(containerId));
    return changed && { ...changed, paths: credentialFilesAmong(changed.paths, uncapturedMounts ?? []) };
  }

  /** The look is under way until this part of it has ended. Then it is kept, unless the engine was away or had no time. */
  #follow(containerId: string, look: Look, part: Promise<ContainerFootprint | CredentialFiles | null>): void {
    this.#underWay.set(containerId, look);
    const isLast = () => part === (look.credentials ?? look.footprint);
    part.then(
      (found) => {
        look.countedAt ??= performance.now();
        if (!isLast()) return;
        this.#underWay.delete(containerId);
        // Of a value that it has, the cache would take neither the new size nor the time.
        this.#kept.delete(containerId);
        this.#kept.set(containerId, look, { size: sizeOf(found), start: look.countedAt });
      },
      () => {
        if (!isLast()) return;
        this.#underWay.delete(containerId);
        this.#kept.delete(containerId);
      },
    );
  }

  /** Without a signal: only the engine ends it. */
  async #walk<T>(question: (engine: ContainerEngine) => Promise<T>): Promise<T | null> {
    return await this.#turnstile.pass(() => ifItCan(question(this.engine.port)));
  }
}

/** In characters. */
function sizeOf(found: ContainerFootprint | CredentialFiles | null): number {
  return 1 + (found !== null && 'paths' in found ? found.paths.join('').length : 0);
}

/** What a part of a look has found; `null` where that is not there in time. The look goes on. */
async function untilDeadline<T>(part: Promise<T | null>, deadline: AbortSignal): Promise<T | null> {
  const { promise: late, resolve: giveUp } = Promise.withResolvers<null>();
  const onAbort = () => giveUp(null);
  deadline.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([part, late]);
  } catch (error) {
    // Its turn did not come.
    if (error instanceof UnavailableError) return null;
    throw error instanceof EngineError ? noAnswer(error) : error;
  } finally {
    deadline.removeEventListener('abort', onAbort);
  }
}
