// Finding and running programs, with progress for whoever waits.
import { spawn } from 'node:child_process';
import {
  accessSync,
  appendFileSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { settings } from './env-file.mjs';
import { findNode, root, stateFolder } from './setup-state.mjs';

const logFile = join(stateFolder, 'setup.log');
const STILL_RUNNING_EVERY_MS = 10_000;

/** One line for the person in front of the screen. */
export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** What the person needs to know is in the message; a stack would hide it. */
export class SetupError extends Error {}

/** Runs one step of the set-up to its end. Its output goes to a file, and its end to the screen where it fails. */
export async function step(title, command, args, options = {}) {
  const startedAt = Date.now();
  const seconds = () => `${((Date.now() - startedAt) / 1000).toFixed(0)} s`;
  say(`${title} …`);
  const ticker = setInterval(() => say(`  still at it (${seconds()})`), STILL_RUNNING_EVERY_MS);
  try {
    await run(title, command, args, options);
  } finally {
    clearInterval(ticker);
  }
  say(`  done (${seconds()})`);
}

function run(title, command, args, { cwd = root, env = {} }) {
  mkdirSync(stateFolder, { recursive: true });
  appendFileSync(logFile, `\n== ${new Date().toISOString()} ${title}: ${command} ${args.join(' ')}\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...environment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        output = (output + text).slice(-4000);
        appendFileSync(logFile, text);
      });
    }
    child.on('error', (error) => reject(new SetupError(`${title} failed: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve();
      const end = output.trim().split('\n').slice(-15).join('\n');
      reject(new SetupError(`${title} failed (${signal ?? code}):\n${end}\nAll of it is in ${logFile}`));
    });
  });
}

/** The environment for programs that Slipway's Node runs: the Node comes first, so that their own children find it. */
export function environment() {
  const node = findNode();
  const path = [...(node ? [dirname(node)] : []), ...searchPath()].join(delimiter);
  // npm wants to keep its downloads in the home folder, which may not be there.
  const cache = isWritable(homedir()) ? {} : { npm_config_cache: join(stateFolder, 'npm-cache') };
  return { ...process.env, ...cache, PATH: path };
}

/** npm as a JavaScript file: the one that runs us, else the one that belongs to this Node. */
export function findNpm() {
  const own = process.env.npm_execpath;
  const beside = dirname(realpathSync(process.execPath));
  const candidates = [
    ...(own && /npm-cli\.c?js$/.test(own) ? [own] : []),
    join(beside, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    '/usr/share/nodejs/npm/bin/npm-cli.js',
  ];
  const program = findProgram('npm');
  const found = candidates.find((path) => existsSync(path)) ?? (program && realpathSync(program));
  if (!found || !/\.c?js$/.test(found))
    throw new SetupError('npm is not installed: install it, then start again');
  return found;
}

export function findProgram(name) {
  return searchPath()
    .map((folder) => join(folder, name))
    .find((path) => isExecutable(path));
}

export function isRoot() {
  return process.geteuid() === 0;
}

/** May Debian packages be installed here and by us? */
export function mayInstallPackages() {
  if (settings().SLIPWAY_INSTALL === 'no' || !isRoot() || !findProgram('apt-get')) return false;
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'));
}

// An ordinary user's PATH on Debian has no sbin.
function searchPath() {
  const own = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return [
    ...new Set([...own, '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']),
  ];
}

function isExecutable(path) {
  return isAccessible(path, constants.X_OK);
}

function isWritable(path) {
  return isAccessible(path, constants.W_OK);
}

function isAccessible(path, mode) {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
