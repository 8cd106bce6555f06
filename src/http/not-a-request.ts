import type { Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { HttpError } from './exchange.ts';
import { refuseOnSocket } from './refusal.ts';

/** Answers what never becomes a request: bytes that are no HTTP, requests that do not end, and those for a proxy. */
export function answerWhatIsNoRequest(server: Server): void {
  // What a connection was answered last: an error must not be written into the middle of that.
  const answers = new WeakMap<Duplex, ServerResponse>();
  server.on('request', (req, res) => answers.set(req.socket, res));
  server.on('clientError', (error, socket) => {
    const res = answers.get(socket);
    const isAnswering = res?.headersSent && !res.writableFinished;
    if (socket.writable && !isAnswering) refuseOnSocket(socket, problemOf(error));
    else socket.destroy();
  });
  server.on('connect', (_req, socket) => {
    refuseOnSocket(socket, new HttpError(405, 'METHOD_NOT_ALLOWED', 'This is no proxy.'));
  });
}

function problemOf({ code }: NodeJS.ErrnoException): HttpError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new HttpError(431, 'HEADERS_TOO_LARGE', 'The address and the headers are larger than 16 KiB.');
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new HttpError(408, 'REQUEST_TIMEOUT', 'The request took too long to arrive.');
  }
  return new HttpError(400, 'BAD_REQUEST', 'This is no HTTP request that can be read.');
}
