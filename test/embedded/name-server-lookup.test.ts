import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createNameServerLookup } from '../../src/outgoing/name-server-lookup.ts';

const A = 1;
const AAAA = 28;
const NO_SUCH_NAME = 3;
const SERVER_FAILURE = 2;

/** What the name server says: addresses as bytes, or an error code. */
const NAMES: Readonly<Record<string, Readonly<Record<number, readonly number[][] | number>>>> = {
  'four.test': { [A]: [[192, 0, 2, 1]], [AAAA]: [] },
  'both.test': {
    [A]: [
      [192, 0, 2, 1],
      [192, 0, 2, 2],
    ],
    [AAAA]: [[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
  },
  'half.test': { [A]: [[192, 0, 2, 1]], [AAAA]: SERVER_FAILURE },
  'empty.test': { [A]: [], [AAAA]: [] },
  'ailing.test': { [A]: SERVER_FAILURE, [AAAA]: SERVER_FAILURE },
};

const server = createSocket('udp4');
server.on('message', (query, client) => server.send(answerTo(query), client.port, client.address));
let lookUp: (hostname: string) => Promise<unknown>;

beforeAll(async () => {
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const lookup = createNameServerLookup([`127.0.0.1:${server.address().port}`]);
  lookUp = async (hostname) =>
    await new Promise((resolve, reject) => {
      lookup(hostname, {}, (error, addresses) => (error === null ? resolve(addresses) : reject(error)));
    });
});
afterAll(() => server.close());

it.each([
  ['four.test', ['192.0.2.1']],
  ['both.test', ['192.0.2.1', '192.0.2.2', '2001:db8::1']],
  ['half.test', ['192.0.2.1']],
])('gives all addresses of %s', async (name, addresses) => {
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  expect(await lookUp(name)).toEqual(found);
});

it('tells a name without an address from a name server that fails', async () => {
  await expect(lookUp('empty.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  await expect(lookUp('nowhere.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  await expect(lookUp('ailing.test')).rejects.toMatchObject({ code: 'ESERVFAIL' });
});

/** A DNS message (RFC 1035) that answers the one question of a query. */
function answerTo(query: Buffer): Buffer {
  const labels: string[] = [];
  let end = 12;
  for (let length = query[end] ?? 0; length > 0; length = query[end] ?? 0) {
    labels.push(query.toString('latin1', end + 1, end + 1 + length));
    end += 1 + length;
  }
  const type = query.readUInt16BE(end + 1);
  const known = NAMES[labels.join('.').toLowerCase()]?.[type] ?? NO_SUCH_NAME;
  const addresses = typeof known === 'number' ? [] : known;
  const code = typeof known === 'number' ? known : 0;
  const header = Buffer.from([
    ...query.subarray(0, 2),
    0x81,
    0x80 | code,
    0,
    1,
    0,
    addresses.length,
    0,
    0,
    0,
    0,
  ]);
  const records = addresses.map((address) =>
    // A pointer to the question's name, type, class IN, 60 seconds, the address.
    Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, address.length, ...address]),
  );
  return Buffer.concat([header, query.subarray(12, end + 5), ...records]);
}
