import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server of a test's own on a free port of the loopback. */
export interface HttpServer extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly port: number;
  /** Connections so far, whether anything was asked over them or not. */
  readonly connections: number;
}

export async function listen(handler: RequestListener): Promise<HttpServer> {
  let connections = 0;
  const server = createServer(handler).listen(0, '127.0.0.1');
  server.on('connection', () => {
    connections += 1;
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    port,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
