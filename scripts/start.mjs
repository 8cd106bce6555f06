// `npm start`: sets up what is missing, then becomes Slipway as far as signals and the exit code go.
// Runs on any Node from 18 and without node_modules. package.json says `exec node`, or a SIGTERM to npm would end the
// shell between npm and us, and leave us running.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { nodeOptions } from './node-options.mjs';
import { say } from './programs.mjs';
import { setUp } from './setup.mjs';
import { findNode, root } from './setup-state.mjs';

const HELP = `Slipway: a GraphQL API server for the container images of a machine-learning platform

  npm start [-- ROLE OPTIONS]

Sets up what is missing (Node 24 and packages in this folder, a build of the sources), then starts
what is missing around it (PostgreSQL, a container engine, a registry) and serves. Ctrl-C stops all of it.

Roles
  (none)            everything in one process
  serve             the API only: needs DATABASE_URL, SLIPWAY_REGISTRY and SLIPWAY_SECRET_KEY, for notebooks an engine too
  work              a worker only: needs DATABASE_URL, SLIPWAY_REGISTRY, SLIPWAY_SECRET_KEY and an engine
  migrate           brings the database to the current schema: needs DATABASE_URL
  schema            prints the GraphQL schema

Options
  --demo-notebook   (without a role) runs a container that stands for a notebook, to try saving one as an image
  --help            this text

Settings are environment variables, or lines of a file .env in this folder; .env.example lists them all.
`;

const args = process.argv.slice(2);
if (args.includes('--help') || args.includes('-h')) {
  process.stdout.write(HELP);
} else if (setUp()) {
  runSlipway();
} else {
  process.exitCode = 1;
}

function runSlipway() {
  // In a process group of its own, or a Ctrl-C would reach it three times: from the terminal, from npm, and from here.
  const program = join(root, 'dist', 'src', 'main.js');
  const slipway = spawn(findNode(), [...nodeOptions(args[0]), program, ...args], {
    cwd: root,
    stdio: 'inherit',
    detached: true,
    env: { NODE_ENV: 'production', ...process.env },
  });
  slipway.on('error', (error) => {
    say(`Slipway could not be started: ${error.message}`);
    process.exitCode = 1;
  });
  slipway.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
  // The terminal's signal and npm's copy of it are one wish; a person who presses again does so later.
  const forwardedAt = {};
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) {
    process.on(signal, () => {
      if (Date.now() - (forwardedAt[signal] ?? 0) < 500) return;
      forwardedAt[signal] = Date.now();
      slipway.kill(signal);
    });
  }
}
