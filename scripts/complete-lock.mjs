// Run by hand after a change of dependencies: `node scripts/complete-lock.mjs`.
//
// Some packages carry a program for each platform, as optional dependencies. A mirror that serves only some platforms
// makes npm write a lock file without the others, and every later `npm ci` refuses such a lock file ("Missing: … from
// lock file"). This adds an entry for each, with what its name says about the platform. npm skips them on every machine
// they are not for.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup-state.mjs';

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const PROCESSORS = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64'];

const file = join(root, 'package-lock.json');
const lock = JSON.parse(readFileSync(file, 'utf8'));
const missing = Object.entries(lock.packages).flatMap(([path, entry]) =>
  Object.entries(entry.optionalDependencies ?? {})
    .filter(([name]) => !isLocked(path, name))
    .map(([name, version]) => ({ name, version, dev: entry.dev })),
);
for (const { name, version, dev } of missing) {
  const words = name.slice(name.indexOf('/') + 1).split('-');
  const os = SYSTEMS.filter((system) => words.includes(system));
  const cpu = PROCESSORS.filter((processor) => words.includes(processor));
  if (os.length !== 1 || cpu.length !== 1 || !/^\d+\.\d+\.\d+/.test(version)) {
    throw new Error(
      `${name}@${version} is not in the lock file, and its name does not say what platform it is for`,
    );
  }
  const libc = words.includes('musl') ? { libc: ['musl'] } : {};
  lock.packages[`node_modules/${name}`] = {
    version,
    cpu,
    ...libc,
    ...(dev ? { dev } : {}),
    optional: true,
    os,
  };
}
const [self, ...others] = Object.entries(lock.packages);
lock.packages = Object.fromEntries([self, ...others.sort(([a], [b]) => a.localeCompare(b, 'en'))]);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${missing.length} added\n`);

/** Is the package found from that folder, the way Node looks for it: there and in every folder above? */
function isLocked(from, name) {
  for (let folder = from; ; ) {
    if (lock.packages[`${folder ? `${folder}/` : ''}node_modules/${name}`]) return true;
    if (folder === '') return false;
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1));
  }
}
