import type { BuildEvent } from '../container-engine.ts';
import { LOST } from './classic-alignment.ts';

type LogEvent = BuildEvent & { readonly kind: 'log' };

/**
 * Events with what a step printed in one piece, where the engine told it in many at the same time: one that prints a lot comes in
 * frames of 1 KiB. Frames that are looked at by themselves afterwards stay: those of standard error, and those that lost bytes.
 * PURE.
 */
export function* joinOutput(events: readonly BuildEvent[]): Iterable<BuildEvent> {
  let pieces: LogEvent[] = [];
  for (const event of events) {
    const [first] = pieces;
    const canJoin = event.kind === 'log' && event.stream === 'STDOUT' && !event.data.includes(LOST);
    const goesOn = canJoin && first?.step === event.step && first.at.getTime() === event.at.getTime();
    if (!goesOn) {
      yield* inOne(pieces);
      pieces = [];
    }
    if (canJoin) pieces.push(event);
    else yield event;
  }
  yield* inOne(pieces);
}

function* inOne(pieces: readonly LogEvent[]): Iterable<BuildEvent> {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) yield first;
  else if (first !== undefined) yield { ...first, data: Buffer.concat(pieces.map(({ data }) => data)) };
}
