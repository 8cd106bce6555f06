// Gets the project ready to run: Node, packages, compiled server, GraphiQL's page. Runs on any Node from 18.
// Every part that is current is left alone, and an interrupted one is made anew, since its stamp is written last.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environment, findNpm, findProgram, SetupError, say, step } from './programs.mjs';
import {
  findNode,
  graphiqlConfig,
  isCurrent,
  isSetUp,
  markCurrent,
  NODE_VERSION,
  nodePackage,
  parts,
  postgresFolders,
  root,
  stateFolder,
} from './setup-state.mjs';

const thisFile = fileURLToPath(import.meta.url);
// An exit code that Node itself never uses.
const LOCKED = 75;

/**
 * Sets up what is missing, one process at a time: the kernel frees flock's lock however its holder ends.
 *
 * @returns whether all is ready; where it is not, a message has been shown
 */
export function setUp() {
  if (isSetUp()) return true;
  mkdirSync(stateFolder, { recursive: true });
  const flock = findProgram('flock');
  const setup = [process.execPath, thisFile];
  const run = (command) =>
    spawnSync(command[0], command.slice(1), { stdio: 'inherit', env: environment() }).status;
  if (!flock) return run(setup) === 0;
  const lock = join(stateFolder, 'setup.lock');
  let status = run([flock, '--nonblock', '--conflict-exit-code', String(LOCKED), lock, ...setup]);
  if (status === LOCKED) {
    say('Another start is setting up this folder; waiting for it …');
    status = run([flock, lock, ...setup]);
  }
  return status === 0;
}

async function main() {
  await fetchNode();
  await installPackages();
  // Two compilers, two cores.
  const results = await Promise.allSettled([buildServer(), buildGraphiql()]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

async function fetchNode() {
  if (findNode()) return;
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    throw new SetupError(
      `This Node (${process.version}) is too old, and npm has none for this machine: install Node 24.`,
    );
  }
  const home = join(stateFolder, 'node');
  mkdirSync(home, { recursive: true });
  // Installed beside and moved into place whole.
  const work = mkdtempSync(join(home, '.fetch-'));
  try {
    writeFileSync(join(work, 'package.json'), '{ "private": true }\n');
    const what = `${nodePackage}@${NODE_VERSION}`;
    const args = [
      'install',
      '--prefix',
      work,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--no-package-lock',
      what,
    ];
    await step(`Fetching Node ${NODE_VERSION} from npm (this one is ${process.version})`, ...npm(args), {
      cwd: work,
    });
    rmSync(join(home, NODE_VERSION), { recursive: true, force: true });
    renameSync(work, join(home, NODE_VERSION));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  if (!findNode()) throw new SetupError(`npm's package ${nodePackage} holds no Node.`);
}

async function installPackages() {
  if (isCurrent(parts.packages)) return;
  // The build tools are needed in production as well, where npm would leave them out.
  const args = [
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  await step('Installing packages from package-lock.json', ...npm(args));
  // Npm packages cannot hold symbolic links; this is the one install script that we need.
  for (const cwd of postgresFolders()) {
    const done = spawnSync(findNode(), [join('scripts', 'hydrate-symlinks.js')], { cwd, stdio: 'ignore' });
    if (done.status !== 0) throw new SetupError(`PostgreSQL's libraries in ${cwd} could not be linked.`);
  }
  markCurrent(parts.packages);
}

async function buildServer() {
  if (isCurrent(parts.server) && existsSync(join(root, 'dist', 'src', 'main.js'))) return;
  for (const old of ['src', 'migrations']) rmSync(join(root, 'dist', old), { recursive: true, force: true });
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  await step('Compiling the server', findNode(), [compiler, '-p', 'tsconfig.build.json']);
  markCurrent(parts.server);
}

async function buildGraphiql() {
  if (!existsSync(graphiqlConfig) || isCurrent(parts.graphiql)) return;
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  const env = { NODE_ENV: 'production' };
  await step("Building GraphiQL's page", findNode(), [vite, 'build', '--config', graphiqlConfig], { env });
  markCurrent(parts.graphiql);
}

/** An old Node would leave out optional packages that ask for a newer one, so npm is run by the Node that will use them. */
function npm(args) {
  return [findNode() ?? process.execPath, [findNpm(), ...args]];
}

if (process.argv[1] === thisFile) {
  process.chdir(dirname(dirname(thisFile)));
  main().catch((error) => {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = 1;
  });
}
