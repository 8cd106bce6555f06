import { type ContainerEngine, EngineError } from '../engine/container-engine.ts';
import type { Builder } from '../shared/enums.ts';

/** What this server is and what it is connected to. */
export interface ServerFacts {
  readonly version: string;
  readonly registryHost: string | null;
  readonly exampleBaseImage: string | null;
  /** Asks the engine; `null` where there is none. */
  engine(): Promise<EngineFacts | null>;
}
export interface EngineFacts {
  readonly name: string;
  readonly version: string;
  readonly available: boolean;
  readonly builders: readonly Builder[];
}

export function createServerFacts(
  facts: Pick<ServerFacts, 'version' | 'registryHost' | 'exampleBaseImage'>,
  engine: ContainerEngine | null,
): ServerFacts {
  return {
    ...facts,
    async engine() {
      if (engine === null) return null;
      try {
        return { ...(await engine.info({ signal: AbortSignal.timeout(5000) })), available: true };
      } catch (error) {
        if (
          error instanceof EngineError ||
          (error instanceof DOMException && error.name === 'TimeoutError')
        ) {
          return { name: 'unknown', version: 'unknown', available: false, builders: [] };
        }
        throw error;
      }
    },
  };
}
