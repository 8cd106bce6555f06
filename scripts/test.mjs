// `npm test`: sets up what is missing, runs all checks and all tests, and ends with a line 'N passed, N failed'.
// `npm test -- ARGS` hands ARGS to Vitest and leaves the checks out.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import {
  environment,
  findNpm,
  findProgram,
  isRoot,
  mayInstallPackages,
  SetupError,
  say,
  step,
} from './programs.mjs';
import { setUp } from './setup.mjs';
import { findNode, root, stateFolder } from './setup-state.mjs';

const resultsFile = join(stateFolder, 'test-results.json');
const args = process.argv.slice(2);

try {
  if (!setUp()) throw new SetupError('The project could not be set up; why stands above.');
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(`${error.message}\n\n0 passed, 1 failed`);
  process.exitCode = 1;
}

async function main() {
  const missing = await getPrograms();
  for (const line of missing) shout(line);
  const checksPass = args.length > 0 || runNode('npm run check', [findNpm(), 'run', 'check']) === 0;
  rmSync(resultsFile, { force: true });
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${resultsFile}`];
  const status = runNode('vitest', [vitest, 'run', ...reporters, ...args]);
  const counts = readResults(status);
  // Said once more at the end, where it is seen.
  for (const line of missing) shout(line);
  if (!checksPass) {
    shout('`npm run check` failed; its output is above the tests. It counts as one failed test.');
    counts.failed += 1;
  }
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  say(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
  return counts.failed === 0 && status === 0;
}

/** Installs what tests need beyond npm's packages, where that is possible; what is missing still comes back as lines. */
async function getPrograms() {
  const wanted = [
    {
      package: 'docker.io',
      programs: ['dockerd', 'podman', 'docker'],
      tests: 'tests on a real container engine',
    },
    {
      package: 'chromium',
      programs: ['chromium', 'chromium-browser', 'google-chrome'],
      tests: 'tests in a browser',
    },
  ];
  const isMissing = ({ programs }) => !programs.some((name) => findProgram(name));
  const absent = wanted.filter(isMissing);
  if (absent.length > 0 && mayInstallPackages()) {
    const names = absent.map((entry) => entry.package);
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    try {
      await step('Getting the lists of Debian packages', 'apt-get', ['update'], { env }).catch(() => {});
      const install = ['install', '--yes', '--no-install-recommends', ...names];
      await step(
        `Installing ${names.join(' and ')} for the tests (SLIPWAY_INSTALL=no forbids it)`,
        'apt-get',
        install,
        {
          env,
        },
      );
    } catch (error) {
      say(error.message);
    }
  }
  const why = isRoot() ? 'apt-get may not or cannot install it' : 'only root can install it';
  return wanted
    .filter(isMissing)
    .map((entry) => `NOT RUN: ${entry.tests}. ${entry.package} is not installed here, and ${why}.`);
}

function runNode(title, nodeArgs) {
  say(`\n== ${title}`);
  const { status, signal } = spawnSync(findNode(), nodeArgs, {
    cwd: root,
    stdio: 'inherit',
    env: environment(),
  });
  if (signal) throw new SetupError(`${title} was ended by ${signal}`);
  return status;
}

/** The numbers from Vitest's own results. A run that failed as a whole has one failed test at least. */
function readResults(status) {
  if (!existsSync(resultsFile)) {
    shout(`Vitest ended with ${status} and left no results.`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const results = JSON.parse(readFileSync(resultsFile, 'utf8'));
  // A file that breaks before its first test has none that failed.
  const broken = results.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  for (const file of broken) shout(`${relative(root, file.name)} broke outside of its tests.`);
  const failed = results.numFailedTests + broken.length;
  const skipped = results.numPendingTests + results.numTodoTests;
  const counts = {
    passed: results.numPassedTests,
    failed: status === 0 ? failed : Math.max(1, failed),
    skipped,
  };
  for (const file of results.testResults) {
    const left = file.assertionResults.filter((test) => ['pending', 'skipped', 'todo'].includes(test.status));
    if (left.length > 0) say(`${relative(root, file.name)}: ${left.length} skipped`);
  }
  return counts;
}

function shout(line) {
  say(`\n*** ${line}\n`);
}
