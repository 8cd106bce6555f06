import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const projectDir = fileURLToPath(new URL('../..', import.meta.url));

export const USAGE = `npm run example -- [--url URL] [--token TOKEN] [--require-notebook]

  --url               the server (SLIPWAY_URL; else http://127.0.0.1:4000, or the port of PORT)
  --token             an access token (SLIPWAY_TOKEN or SLIPWAY_ADMIN_TOKEN; else the one in the data folder)
  --require-notebook  fail where no notebook is running, instead of leaving that part out
`;

/** Where the server is and who we are: from the command line, the environment, or the data folder of a server on this machine. */
export function readOptions(args, env) {
  const { values } = parseArgs({
    args,
    options: {
      url: { type: 'string' },
      token: { type: 'string' },
      'require-notebook': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const url = values.url ?? env.SLIPWAY_URL ?? `http://127.0.0.1:${env.PORT || 4000}`;
  return {
    help: values.help,
    requireNotebook: values['require-notebook'],
    // The whole address that the server printed may be given as it is: https://host/graphiql#token=…
    url: new URL(url).origin,
    token:
      values.token ?? tokenInAddress(url) ?? env.SLIPWAY_TOKEN ?? env.SLIPWAY_ADMIN_TOKEN ?? keptToken(env),
  };
}

function tokenInAddress(url) {
  return new URLSearchParams(new URL(url).hash.slice(1)).get('token');
}

function keptToken(env) {
  const file = join(projectDir, env.SLIPWAY_DATA_DIR || join('.slipway', 'data'), 'admin-token');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    throw new Error(
      `There is no token: give --token or SLIPWAY_TOKEN. (I looked into ${file}, which npm start writes.)`,
    );
  }
}
