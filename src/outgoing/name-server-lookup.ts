import { Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';

// Twice with a longer wait the second time: 4.5 s, less than half of what a verification may take.
const PATIENCE = { timeout: 1500, tries: 2 } as const;
const NO_SUCH_NAME: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA']);

/**
 * A look-up, for names that strangers choose, that asks the name servers itself. The system's own would hold one of the four
 * threads that all work with files and ciphers shares for as long as a stranger's name server likes, would complete names
 * by the domains of this machine, and would know the names in `/etc/hosts`.
 *
 * @param servers `address:port`; absent: the system's
 * @returns a look-up that gives all addresses, and `ENOTFOUND` for a name without any
 */
export function createNameServerLookup(servers?: readonly string[]): LookupFunction {
  return (hostname, _, callback) => {
    const resolver = new Resolver(PATIENCE);
    if (servers !== undefined) resolver.setServers(servers);
    const families = [
      resolver.resolve4(hostname).then((found) => found.map((address) => ({ address, family: 4 }))),
      resolver.resolve6(hostname).then((found) => found.map((address) => ({ address, family: 6 }))),
    ];
    void Promise.allSettled(families).then((answers) => {
      const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      if (addresses.length > 0) return callback(null, addresses);
      const errors = answers.flatMap((answer) => (answer.status === 'rejected' ? [toError(answer)] : []));
      const other = errors.find(({ code }) => !NO_SUCH_NAME.has(code));
      callback(other ?? Object.assign(new Error('there is no such name'), { code: 'ENOTFOUND' }), []);
    });
  };
}

const toError = ({ reason }: PromiseRejectedResult) => reason as NodeJS.ErrnoException;
