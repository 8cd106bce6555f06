import type { ParsedDockerfile } from '../../shared/dockerfile.ts';
import { BaseFetches, type SilentFetch } from './base-fetches.ts';
import { baseImageNamed, fetchOf } from './buildkit-names.ts';
import type { TraceStatus } from './buildkit-trace.ts';
import type { EngineMessage } from './engine-messages.ts';

interface Fetch {
  readonly image: string;
  readonly isMetadata: boolean;
  /** What is left to do, by its id, as it was last told. */
  readonly parts: Map<string, TraceStatus>;
  lastMs: number;
}

/**
 * BuildKit's vertices run side by side, so each that fetches is watched by itself; what others do, or do not, is nothing to it.
 * It repeats the state of a download ten times a second: only a change is a sign of life. A download that has not begun
 * may wait for one of the engine's slots, and unpacking is the engine's own work: neither counts. PURE.
 */
export class BuildKitFetches extends BaseFetches {
  private readonly fetches = new Map<string, Fetch>();

  constructor(private readonly dockerfile: ParsedDockerfile) {
    super();
  }

  read({ trace }: EngineMessage): void {
    const { vertexes = [], statuses = [] } = trace ?? {};
    for (const { digest, name = '', started, completed } of vertexes) {
      const vertex = fetchOf(name);
      if (vertex === null || !started) continue;
      if (completed) this.fetches.delete(digest);
      else if (!this.fetches.has(digest)) {
        this.fetches.set(digest, { ...vertex, parts: new Map(), lastMs: this.waitedMs });
      }
    }
    for (const status of statuses) {
      const fetch = this.fetches.get(status.vertex);
      if (!fetch) continue;
      const before = fetch.parts.get(status.ID);
      if (before?.name !== status.name || before?.current !== status.current) fetch.lastMs = this.waitedMs;
      if (status.completed) fetch.parts.delete(status.ID);
      else fetch.parts.set(status.ID, status);
    }
  }

  silent(): SilentFetch | null {
    const [first] = [...this.fetches.values()].filter(isWaiting).sort((a, b) => a.lastMs - b.lastMs);
    if (!first) return null;
    const name = first.image.replace(/@.*/, '');
    const use = baseImageNamed(this.dockerfile, first.image) ?? baseImageNamed(this.dockerfile, name);
    return {
      base: name,
      step: use?.instruction.number ?? null,
      line: use?.instruction.line ?? null,
      silentMs: this.waitedMs - first.lastMs,
    };
  }
}

/** Can nothing but the registry bring this fetch on? */
function isWaiting({ isMetadata, parts }: Fetch): boolean {
  if (isMetadata) return true;
  const left = [...parts.values()];
  return left.length > 0 && left.every(({ ID, name }) => name === 'downloading' || ID.startsWith('resolve '));
}
