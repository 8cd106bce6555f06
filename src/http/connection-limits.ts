import type { IncomingMessage, Server, ServerOptions } from 'node:http';
import { HttpError } from './exchange.ts';

// Browsers and the proxies on the way send up to 40. Node drops what comes after its limit without a word, `content-type` say.
const MAX_HEADERS = 100;

// Under the 20,000 and more files that a service may usually open, so that some are left for everything else.
const MAX_CONNECTIONS = 15_000;

/** How long and how large a request may be before it is one. */
export const LIMITS = {
  // The line with the address, in which a GET has its query, and all headers; Node answers 431 over it.
  maxHeaderSize: 16 * 1024,
  // From the connection on: one that sends nothing, or a byte now and then, is closed after this.
  headersTimeout: 10_000,
  // A body of the largest size within it asks for 280 KB/s.
  requestTimeout: 120_000,
  connectionsCheckingInterval: 5000,
  // Longer than the 60 s for which proxies keep their connections: the one that closes first must not be the one that is asked.
  keepAliveTimeout: 65_000,
  // Checked below instead: Node would answer without a body.
  requireHostHeader: false,
  // Others, such as the h2c that `curl --http2` offers, are requests like any.
  shouldUpgradeCallback: (req: IncomingMessage) => req.headers.upgrade?.toLowerCase() === 'websocket',
} satisfies ServerOptions;

/** What cannot be said before the server is there. */
export function limitConnections(server: Server): void {
  server.maxConnections = MAX_CONNECTIONS;
  // One more than there may be, or it could not be told that there were more.
  server.maxHeadersCount = MAX_HEADERS + 1;
}

/** What Node lets pass and HTTP or we do not. */
export function headProblem(req: IncomingMessage): HttpError | null {
  if (req.rawHeaders.length / 2 > MAX_HEADERS) {
    return new HttpError(431, 'HEADERS_TOO_LARGE', `A request has at most ${MAX_HEADERS} headers.`, {
      connection: 'close',
    });
  }
  if (req.headers.host === undefined && req.httpVersion === '1.1') {
    return new HttpError(400, 'BAD_REQUEST', 'A request of HTTP/1.1 has a Host.', { connection: 'close' });
  }
  const { expect } = req.headers;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    const message = 'The only expectation that is met is 100-continue.';
    return new HttpError(417, 'EXPECTATION_FAILED', message, { connection: 'close' });
  }
  return null;
}
