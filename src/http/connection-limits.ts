import type { IncomingMessage, Server, ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../shared/logger.ts';
import { networkOf } from './client-address.ts';
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

// A quarter: an office or a proxy that nobody has named may have thousands, and no one network may have all.
const MAX_OF_NETWORK = 4000;
/** From so many on, a connection that waits for its next request has to go. */
const CROWDED = 0.8 * MAX_CONNECTIONS;
const CLEARING_MS = 1000;
const WARNING_MS = 60_000;

/**
 * What cannot be said before the server is there.
 *
 * @param isTrustedProxy everybody's connections come from there, so they are not counted as those of one
 */
export function limitConnections(
  server: Server,
  isTrustedProxy: (address: string) => boolean,
  log: Logger,
  maxOfNetwork = MAX_OF_NETWORK,
): void {
  server.maxConnections = MAX_CONNECTIONS;
  // One more than there may be, or it could not be told that there were more.
  server.maxHeadersCount = MAX_HEADERS + 1;
  const ofNetworks = new Map<string, number>();
  let open = 0;
  const clear = atMostEvery(CLEARING_MS, () => server.closeIdleConnections());
  const warn = atMostEvery(WARNING_MS, (network: string) =>
    log.warn(
      { network },
      `more than ${maxOfNetwork} connections from one network; a proxy has to be a trusted one`,
    ),
  );

  server.on('connection', (socket: Socket) => {
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
    if (open > CROWDED) clear();
    const { remoteAddress } = socket;
    if (remoteAddress === undefined || isTrustedProxy(remoteAddress)) return;
    const network = networkOf(remoteAddress);
    const before = ofNetworks.get(network) ?? 0;
    ofNetworks.set(network, before + 1);
    socket.once('close', () => {
      const left = (ofNetworks.get(network) ?? 1) - 1;
      if (left > 0) ofNetworks.set(network, left);
      else ofNetworks.delete(network);
    });
    if (before < maxOfNetwork) return;
    warn(network);
    socket.destroy();
  });
}

function atMostEvery<Args extends unknown[]>(
  ms: number,
  run: (...args: Args) => void,
): (...args: Args) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (...args) => {
    if (performance.now() - last < ms) return;
    last = performance.now();
    run(...args);
  };
}

/** What Node lets pass and HTTP or we do not. */
export function headProblem(req: IncomingMessage): HttpError | null {
  if (req.rawHeaders.length / 2 > MAX_HEADERS) {
    return new HttpError(431, 'HEADERS_TOO_LARGE', `A request has at most ${MAX_HEADERS} headers.`, {
      connection: 'close',
    });
  }
  const hosts = hostsOf(req);
  if (hosts > 1 || (hosts === 0 && req.httpVersion === '1.1')) {
    return new HttpError(400, 'BAD_REQUEST', 'A request of HTTP/1.1 has one Host.', { connection: 'close' });
  }
  const { expect } = req.headers;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    const message = 'The only expectation that is met is 100-continue.';
    return new HttpError(417, 'EXPECTATION_FAILED', message, { connection: 'close' });
  }
  return null;
}

/** `req.headers` has the first alone; a proxy on the way may have gone by the second. */
function hostsOf({ rawHeaders }: IncomingMessage): number {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.toLowerCase() === 'host') hosts += 1;
  return hosts;
}
