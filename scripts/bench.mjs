// `npm run bench`: sets up what is missing, the server's build and bench's own packages, and measures. bench/ is a package of its
// own, so that what Slipway is compared with never gets among what Slipway consists of.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { environment, findNpm, SetupError, say, step } from './programs.mjs';
import { setUp } from './setup.mjs';
import { findNode, root } from './setup-state.mjs';

const folder = join(root, 'bench');

try {
  if (!setUp()) throw new SetupError('The project could not be set up; why stands above.');
  await installPackages();
  const tsx = join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs');
  const args = [tsx, join(folder, 'bench.ts'), ...process.argv.slice(2)];
  const env = { ...environment(), NODE_ENV: 'production' };
  process.exitCode = spawnSync(findNode(), args, { cwd: root, stdio: 'inherit', env }).status ?? 1;
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}

async function installPackages() {
  if (isInstalled()) return;
  const npm = [
    findNpm(),
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  await step('Installing what Slipway is measured beside', findNode(), npm, { cwd: folder });
}

/** npm writes a lock file of its own into node_modules when it has installed all. */
function isInstalled() {
  const hidden = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const packagesOf = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
  const installed = packagesOf(hidden);
  const wanted = Object.entries(packagesOf(join(folder, 'package-lock.json')));
  return wanted.every(
    ([path, entry]) => path === '' || entry.optional || installed[path]?.version === entry.version,
  );
}
