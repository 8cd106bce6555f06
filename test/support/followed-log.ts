import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LogLineFacts, logEvents } from './builds.ts';
import type { ApiClient } from './client.ts';

/** What a follower of a log has seen of it. */
export interface FollowedLog {
  /** SHA-256 of what the steps printed, newlines and all. */
  readonly sha256: string;
  readonly bytes: number;
  readonly lastSeq: number;
  /** The lines whose number was not the one before plus one: missing, doubled or out of order. */
  readonly wrongSeqs: readonly number[];
  /** How many gaps the log says that it has. */
  readonly gaps: number;
  readonly connections: number;
  /** The state that the log said at its end that the build has. */
  readonly status: string;
}

/** A follower that has heard nothing for so long, and cannot connect, gives up. */
const SILENCE_MS = 60_000;

/**
 * Follows a log to its end, connecting again wherever the connection breaks, from the last number seen.
 *
 * @param reconnectBytes gives each connection up after so much of the log
 * @param onLines sees what comes
 */
export async function followLog(
  client: ApiClient,
  buildId: string,
  {
    reconnectBytes = Infinity,
    onLines = () => {},
  }: { reconnectBytes?: number; onLines?: (lines: readonly LogLineFacts[]) => void } = {},
): Promise<FollowedLog> {
  const hash = createHash('sha256');
  const wrongSeqs: number[] = [];
  let [lastSeq, bytes, gaps, connections] = [0, 0, 0, 0];
  let heardAt = Date.now();
  for (;;) {
    connections += 1;
    const giveUpAt = bytes + reconnectBytes;
    try {
      for await (const event of logEvents(client, buildId, lastSeq)) {
        heardAt = Date.now();
        if (event.__typename === 'ImageBuildLogEnd')
          return {
            sha256: hash.digest('hex'),
            bytes,
            lastSeq,
            wrongSeqs,
            gaps,
            connections,
            status: event.status,
          };
        if (event.__typename === 'ImageBuildLogGap') {
          if (event.fromSeq !== lastSeq + 1) wrongSeqs.push(event.fromSeq);
          lastSeq = event.toSeq;
          gaps += 1;
          continue;
        }
        for (const line of event.lines) {
          if (line.seq !== lastSeq + 1) wrongSeqs.push(line.seq);
          lastSeq = line.seq;
          if (line.stream === 'SYSTEM') continue;
          const text = line.partial ? line.text : `${line.text}\n`;
          hash.update(text);
          bytes += Buffer.byteLength(text);
        }
        onLines(event.lines);
        if (bytes >= giveUpAt) break;
      }
    } catch (error) {
      // The server or the database is away, or dropped us.
      if (Date.now() > heardAt + SILENCE_MS) throw error;
      await sleep(100);
    }
  }
}

export function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
