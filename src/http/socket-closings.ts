import type { WebSocket } from 'ws';

/** Why a socket is closed, for programs and for people. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/**
 * The closings that are ours; those of a broken protocol (4400, 4401, 4406, 4408, 4409, 4429) are graphql-ws's, those of broken
 * frames (1002, 1007, 1009) are ws's.
 *
 * What a client of graphql-ws does then: after 4401 and 1008 it gives up and ends its operations with an error. After 1012, 1013
 * and 4403 it connects again and subscribes anew to what had not ended: five times where nothing is said, after 1 to 4 seconds and
 * then after twice as long each time. So a token that has ended costs five refused connections in a minute.
 */
export const CLOSINGS = {
  restart: { code: 1012, reason: 'Service restart' },
  tryAgain: { code: 1013, reason: 'Try again later' },
  tooManySockets: {
    code: 1013,
    reason: 'Too many connections of this viewer; close others, or try again later',
  },
  tooManyHandshakes: { code: 1013, reason: 'Too many connections begin at this address; try again later' },
  // Not 4429, which says that a second init has come.
  tooManyMessages: { code: 1008, reason: 'Too many messages' },
  badMessage: { code: 4400, reason: 'Invalid message received' },
  noToken: { code: 4401, reason: 'Unauthorized: send a token in connectionParams' },
  badToken: { code: 4403, reason: 'Forbidden: the token is not valid' },
  rightsEnded: { code: 4403, reason: 'Forbidden: rights have ended; connect again for what is left' },
} as const satisfies Record<string, Closing>;

/** How long the peer may take to close its side before the connection is cut. */
export const CLOSE_TIMEOUT_MS = 2000;
/** What a close frame has room for; ws throws at more. */
const MAX_REASON_BYTES = 123;

const encoder = new TextEncoder();

/** Closes a socket; of a longer reason, such as one that quotes an id of the client's, the beginning is sent. */
export function closeSocket(socket: WebSocket, { code, reason }: Closing): void {
  const bytes = Buffer.alloc(MAX_REASON_BYTES);
  const { written } = encoder.encodeInto(reason, bytes);
  socket.close(code, bytes.subarray(0, written));
}
