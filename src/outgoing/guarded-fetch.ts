import { lookup as systemLookup } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { createNameServerLookup } from './name-server-lookup.ts';
import { isPublicAddress } from './public-address.rules.ts';

/** As much of `fetch` as a registry's client needs; it follows no redirect. */
export type Fetch = (
  url: URL,
  init: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly redirect: 'manual';
    readonly signal: AbortSignal;
    /** The origin that has sent us here, by a redirect or as its token service; absent: a user or the operator has. */
    readonly sentBy?: string;
  },
) => Promise<Response>;

/**
 * The host has an address that is not public, or none at all: users do not learn which, so nobody can list our names. Or there is a
 * user or a password in the URL, of which a client would make a header.
 */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
}

/**
 * A fetch for addresses that strangers choose: it connects to public addresses only. A name is looked up once for each
 * connection, and the connection goes to what was looked up and checked, so a name that changes its address gains nothing.
 *
 * @param listed origins, e.g. `http://registry.internal:5000`, that may be at any address; not where an origin sends us there
 *   that is not listed itself
 * @param lookup for names that are not listed, `listedLookup` for those that are
 * @throws AddressRefusedError before anything is connected to
 */
export function createGuardedFetch(
  listed: ReadonlySet<string>,
  lookup: LookupFunction = createNameServerLookup(),
  listedLookup: LookupFunction = systemLookup,
): Fetch {
  const publicLookup: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error?.code === 'ENOTFOUND') return callback(new AddressRefusedError('no such name'), []);
      const addresses = Array.isArray(found) ? found : [];
      const [first] = addresses;
      if (error !== null || first === undefined) return callback(error, []);
      if (!addresses.every(({ address }) => isPublicAddress(address))) {
        return callback(new AddressRefusedError('the name has an address that is not public'), []);
      }
      return options.all === true ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };

  return async (url, { method, headers, signal, sentBy }) => {
    if (url.username !== '' || url.password !== '')
      throw new AddressRefusedError('the URL has a user or a password in it');
    const isListed = isListedFor(listed, url.origin, sentBy);
    // Numbers in any spelling (0x7f000001, 127.1) are addresses by now: URL has made them so. They are not looked up.
    const literal = url.hostname.replace(/^\[(.*)\]$/, '$1');
    if (!isListed && isIP(literal) !== 0 && !isPublicAddress(literal)) {
      throw new AddressRefusedError('the address is not public');
    }
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const { request } = url.protocol === 'https:' ? https : http;
    request(url, { method, headers, signal, agent: false, lookup: isListed ? listedLookup : publicLookup })
      .on('response', resolve)
      .on('error', reject)
      .on('close', () => reject(new Error('the connection was closed before an answer')))
      .end();
    return toResponse(await promise);
  };
}

/** Is it a listed origin that `sentBy` may send us to? Strangers would have us knock at every door of the operator's. */
export function isListedFor(
  listed: ReadonlySet<string>,
  origin: string,
  sentBy: string | undefined,
): boolean {
  return listed.has(origin) && (sentBy === undefined || listed.has(sentBy));
}

/** @throws TypeError, RangeError status or headers are none that fetch knows */
function toResponse(message: http.IncomingMessage): Response {
  try {
    const headers = new Headers();
    for (const [name, values] of Object.entries(message.headersDistinct)) {
      for (const value of values ?? []) headers.append(name, value);
    }
    const body = Readable.toWeb(message) as ReadableStream<Uint8Array>;
    return new Response(body, { status: message.statusCode ?? 0, headers });
  } catch (error) {
    message.destroy();
    throw error;
  }
}
