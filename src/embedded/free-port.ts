import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** Can a server listen on this port of the loopback address now? */
export async function isPortFree(port: number): Promise<boolean> {
  return (await tryPort(port)) !== null;
}

/** A port of the loopback address that nobody listens on. Another program may take it before it is used. */
export async function freePort(): Promise<number> {
  const port = await tryPort(0);
  if (port === null) throw new Error('there is no free port on 127.0.0.1');
  return port;
}

async function tryPort(port: number): Promise<number | null> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  } catch {
    return null;
  } finally {
    server.close();
  }
}
