import type { LookupFunction } from 'node:net';
import { createNameServerLookup } from '../outgoing/name-server-lookup.ts';
import { isPublicAddress } from '../outgoing/public-address.rules.ts';

/**
 * Of these names of hosts, those with any address that is not on the public internet. A name without an address is not among
 * them, nor one that no name server knows in time.
 */
export type FindPrivateNames = (names: ReadonlySet<string>) => Promise<ReadonlySet<string>>;

// A person waits for it. Name servers answer in some 50 ms, or from afar in some 500.
const DEADLINE_MS = 2000;

/**
 * Looks names up, all at the same time; after 2 s it goes with what it knows.
 *
 * What a name leads to may have changed by the time somebody else looks it up: who connects has to check again, as
 * `createGuardedFetch` does, and where that cannot be had this only keeps honest names apart.
 */
export function createFindPrivateNames(
  lookup: LookupFunction = createNameServerLookup(),
  deadlineMs = DEADLINE_MS,
): FindPrivateNames {
  return async (names) => {
    const found = new Set<string>();
    const { promise: deadline, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, deadlineMs);
    const lookups = [...names].map(async (name) => {
      const addresses = await addressesOf(name, lookup);
      if (!addresses.every(isPublicAddress)) found.add(name);
    });
    await Promise.race([Promise.all(lookups), deadline]);
    clearTimeout(timer);
    return new Set(found);
  };
}

/** None where there is none, or none to be had. */
async function addressesOf(name: string, lookup: LookupFunction): Promise<string[]> {
  return await new Promise((resolve) => {
    lookup(name, { all: true }, (error, found) => {
      resolve(error === null && Array.isArray(found) ? found.map(({ address }) => address) : []);
    });
  });
}
