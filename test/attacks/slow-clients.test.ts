import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setInterval } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startEdgeServer } from '../support/edge-server.ts';

/** Everything that comes until the server closes the connection. */
async function lastWords(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  socket.on('error', () => {});
  await once(socket, 'close');
  return text;
}

it('closes connections on which no request arrives, and serves others meanwhile', async () => {
  await using server = await startEdgeServer();
  const silent = Array.from({ length: 50 }, () => connect(server.http.port, '127.0.0.1'));
  const dripping = connect(server.http.port, '127.0.0.1');
  dripping.write('GET /livez HTTP/1.1\r\nHost: x\r\n');
  const ended = Promise.all([...silent, dripping].map(lastWords));
  const over = new AbortController();
  const drip = (async () => {
    for await (const n of setInterval(500, 1, { signal: over.signal })) dripping.write(`x-${n}: 1\r\n`);
  })().catch(() => {});
  expect((await server.query('{ me }')).body).toMatchObject({ data: { me: 'ada' } });

  const words = await ended;
  over.abort();
  await drip;
  for (const text of words) {
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n')))).toMatchObject({
      errors: [{ extensions: { code: 'REQUEST_TIMEOUT' } }],
    });
  }
}, 40_000);
