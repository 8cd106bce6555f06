import type { ParsedDockerfile } from '../../shared/dockerfile.ts';
import { BaseFetches, type SilentFetch } from './base-fetches.ts';
import { baseImageNamed } from './buildkit-names.ts';
import { decodeTrace, type TraceStatus } from './buildkit-trace.ts';
import type { EngineMessage } from './engine-messages.ts';

const METADATA = /^\[internal\] load metadata for (\S+)/;
/** E.g. `[build 1/3] FROM docker.io/library/ubuntu:22.04@sha256:…`, and without the brackets for a `COPY --from`. */
const FROM = /^(?:\[[^\]]*\] )?FROM (\S+)/;

interface Fetch {
  readonly base: string;
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

  read(message: EngineMessage): void {
    if (message.id !== 'moby.buildkit.trace' || typeof message.aux !== 'string') return;
    const { vertexes = [], statuses = [] } = decodeTrace(message.aux);
    for (const { digest, name = '', started, completed } of vertexes) {
      const metadata = METADATA.exec(name)?.[1];
      const base = metadata ?? FROM.exec(name)?.[1];
      if (base === undefined || !started) continue;
      if (completed) this.fetches.delete(digest);
      else if (!this.fetches.has(digest)) {
        const isMetadata = metadata !== undefined;
        this.fetches.set(digest, { base, isMetadata, parts: new Map(), lastMs: this.waitedMs });
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
    const name = first.base.replace(/@.*/, '');
    const use = baseImageNamed(this.dockerfile, first.base) ?? baseImageNamed(this.dockerfile, name);
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
