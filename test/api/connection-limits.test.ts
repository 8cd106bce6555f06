import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, it } from 'vitest';
import { limitConnections } from '../../src/http/connection-limits.ts';
import { createLogger } from '../../src/shared/logger.ts';

it.each([
  ['at most as many as it may have of one network', false, 2],
  ['any number of a trusted proxy', true, 0],
])('keeps %s, and takes more when some have gone', async (_case, isTrusted, refused) => {
  const server = createServer((_req, res) => res.end());
  limitConnections(server, () => isTrusted, createLogger('silent'), 10);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    let closed = 0;
    const sockets = Array.from({ length: 12 }, () => connect(port, '127.0.0.1'));
    for (const socket of sockets) {
      socket.on('error', () => {});
      socket.on('close', () => {
        closed += 1;
      });
    }
    await expect.poll(() => closed).toBe(refused);
    for (const socket of sockets) socket.destroy();
    await expect.poll(() => closed).toBe(12);
    const answered = () =>
      fetch(`http://127.0.0.1:${port}`).then(
        ({ status }) => status,
        () => 0,
      );
    await expect.poll(answered).toBe(200);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
