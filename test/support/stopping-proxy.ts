import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a server on which nothing moves while it stands still: no connection is cut, no answer comes. */
export interface StoppingProxy extends AsyncDisposable {
  readonly port: number;
  standStill(): void;
  goOn(): void;
}

/** @param target where the server listens, on this machine */
export async function openStoppingProxy(target: number): Promise<StoppingProxy> {
  const sockets = new Set<Socket>();
  let still = false;
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => to.write(data));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      if (still) from.pause();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    standStill: () => {
      still = true;
      for (const socket of sockets) socket.pause();
    },
    goOn: () => {
      still = false;
      for (const socket of sockets) socket.resume();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
