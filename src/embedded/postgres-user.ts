import { chownSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isRoot, runProgram } from './machine.ts';

/** How a program is started as the user that PostgreSQL's server runs as. */
export interface ServerUser {
  /** Words to put before the command; none where it runs as the user who started Slipway. */
  readonly prefix: readonly string[];
  /** Gives a file or folder to that user. */
  own(path: string): void;
}

const USER_NAME = 'slipway';

/** Asks as PostgreSQL does, by access(2): a shell's `test` would count capabilities that access(2) may leave out. */
const MAY_USE =
  'const fs = require("node:fs"); fs.accessSync(process.argv[1], fs.constants.R_OK | fs.constants.X_OK); fs.accessSync(process.argv[2], fs.constants.W_OK)';

/**
 * The user for PostgreSQL's server. It refuses to run as root; so root starts it as the system user `slipway`, who is
 * created where there is none.
 *
 * A folder of the project may be closed to that user (/root is 0700). Then the server keeps one capability, to pass
 * through folders that are closed to it, instead of the files being copied to somewhere else.
 *
 * @param folder the database's folder; kept with the user who has it
 * @param program a program that the user must be able to run
 * @throws Error where no user can be found or none may get there
 */
export async function serverUser(folder: string, program: string, mayCreate: boolean): Promise<ServerUser> {
  if (!isRoot()) return { prefix: [], own: () => {} };
  const owner = statSync(folder);
  const { uid, gid } = owner.uid === 0 ? await findOrCreate(mayCreate) : owner;
  chownSync(folder, uid, gid);
  const base = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const ways = [
    [...base, '--inh-caps=-all', '--'],
    ...passingCapabilities().map((name) => [
      ...base,
      // access(2), by which PostgreSQL looks for its own programs, leaves capabilities out without this.
      '--securebits=+no_setuid_fixup',
      `--inh-caps=-all,+${name}`,
      `--ambient-caps=+${name}`,
      '--',
    ]),
  ];
  for (const prefix of ways) {
    const [command, ...args] = [...prefix, process.execPath, '-e', MAY_USE, program, folder];
    if (command === undefined) continue;
    const passes = await runProgram(command, args).then(
      () => true,
      () => false,
    );
    if (passes) return { prefix, own: (path) => chownSync(path, uid, gid) };
  }
  throw new Error(
    `PostgreSQL does not run as root, and the user ${USER_NAME} (${uid}) may not use ${folder} or ${program}: ` +
      'set SLIPWAY_DATA_DIR to a folder outside of closed ones and move the project there, or set DATABASE_URL',
  );
}

async function findOrCreate(mayCreate: boolean): Promise<{ uid: number; gid: number }> {
  const found = lookUp(USER_NAME);
  if (found) return found;
  if (!mayCreate) {
    const nobody = lookUp('nobody');
    if (nobody) return nobody;
    throw new Error(
      `PostgreSQL does not run as root and there is no user ${USER_NAME}: create one, or set DATABASE_URL`,
    );
  }
  // Two starts at once: useradd holds a lock on /etc/passwd and fails at once where another one has it.
  let failure: unknown;
  for (let attempt = 0; attempt < 10; attempt += 1) {
    try {
      await runProgram('useradd', [
        '--system',
        '--user-group',
        '--no-create-home',
        '--home-dir',
        '/nonexistent',
        '--shell',
        '/usr/sbin/nologin',
        USER_NAME,
      ]);
    } catch (error) {
      failure = error;
      await delay(200);
    }
    const created = lookUp(USER_NAME);
    if (created) return created;
  }
  throw new Error(`the system user ${USER_NAME}, whom PostgreSQL needs to run as, could not be created`, {
    cause: failure,
  });
}

function lookUp(name: string): { uid: number; gid: number } | null {
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [user, , uid, gid] = line.split(':');
    if (user === name && uid !== undefined && gid !== undefined)
      return { uid: Number(uid), gid: Number(gid) };
  }
  return null;
}

// Bits of include/uapi/linux/capability.h. Containers often have the second only; it allows writing, too, so it comes last.
const PASSING = [
  { name: 'dac_read_search', bit: 2n },
  { name: 'dac_override', bit: 1n },
];

function passingCapabilities(): string[] {
  const status = readFileSync('/proc/self/status', 'utf8');
  const sets = ['CapBnd', 'CapPrm'].map((set) =>
    BigInt(`0x${/\t([0-9a-f]+)/.exec(status.slice(status.indexOf(set)))?.[1] ?? '0'}`),
  );
  return PASSING.filter(({ bit }) => sets.every((set) => (set >> bit) & 1n)).map(({ name }) => name);
}
