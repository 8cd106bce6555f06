import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { listenProblem } from '../../src/http/can-listen.ts';

it('says that a port is in use, and nothing once it is free', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  expect(await listenProblem('127.0.0.1', port)).toBe(
    `PORT: ${port} on 127.0.0.1 is in use by another program; set PORT to another one, or stop it`,
  );
  other.close();
  await once(other, 'close');
  expect(await listenProblem('127.0.0.1', port)).toBeNull();
});

it.each(['192.0.2.1', 'no-such-host.invalid'])('says that %s is no address of this machine', async (host) => {
  expect(await listenProblem(host, 0)).toMatch(`HOST: this machine has no address ${host} to listen on`);
});
