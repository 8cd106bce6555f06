import type { BuildEvent } from '../container-engine.ts';
import type { BaseFetches } from './base-fetches.ts';
import type { BuildProgress } from './build-progress.ts';
import { ClassicProgress } from './classic-progress.ts';
import type { EngineMessage } from './engine-messages.ts';
import { joinOutput } from './joined-output.ts';

/** What messages that came together tell, up to a failure: in parts, since each container's output is read by itself. */
export function* readGroup(
  messages: readonly EngineMessage[],
  progress: BuildProgress,
  fetches: BaseFetches,
): Iterable<{ readonly told: readonly BuildEvent[]; readonly containerId: string | null }> {
  const containerNow = () => (progress instanceof ClassicProgress ? progress.containerId : null);
  const at = new Date();
  let told: BuildEvent[] = [];
  let containerId = containerNow();
  for (const message of messages) {
    const events = progress.read(message, at);
    fetches.read(message, events);
    const now = containerNow();
    if (now !== containerId && told.length > 0) {
      yield { told: [...joinOutput(told)], containerId };
      told = [];
    }
    containerId = now;
    told.push(...events);
    if (progress.failure !== null) break;
  }
  yield { told: [...joinOutput(told)], containerId };
}
