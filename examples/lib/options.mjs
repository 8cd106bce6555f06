import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const projectDir = fileURLToPath(new URL('../..', import.meta.url));

export const USAGE = `npm run example -- [--url URL] [--token TOKEN] [--require-notebook]

  --url               the server (SLIPWAY_URL; else http://127.0.0.1:4000, or the port of PORT)
  --token             an access token (SLIPWAY_TOKEN or SLIPWAY_ADMIN_TOKEN; else the one in the data folder)
  --require-notebook  fail where no notebook is running, instead of leaving that part out

The variables are read from the environment and from the project's file .env.
`;

/** Where the server is and who we are: from the command line, the settings, or the data folder of a server on this machine. */
export function readOptions(args, settings) {
  const { values } = parseArgs({
    args,
    options: {
      url: { type: 'string' },
      token: { type: 'string' },
      'require-notebook': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return { help: true };
  const url = new URL(values.url ?? (settings.SLIPWAY_URL || `http://127.0.0.1:${settings.PORT || 4000}`));
  return {
    help: false,
    requireNotebook: values['require-notebook'],
    // The whole address that the server printed may be given as it is: https://host/graphiql#token=…
    url: url.origin,
    token: values.token ?? tokenInAddress(url) ?? givenToken(settings) ?? keptToken(settings),
  };
}

function givenToken({ SLIPWAY_TOKEN, SLIPWAY_ADMIN_TOKEN }) {
  return SLIPWAY_TOKEN || SLIPWAY_ADMIN_TOKEN?.trim() || null;
}

/** Percent-encoded, as the server prints it. */
function tokenInAddress({ hash }) {
  const [, token] = /^#token=(.+)$/.exec(hash) ?? [];
  if (!token) return null;
  try {
    return decodeURIComponent(token);
  } catch {
    throw new Error('The token in the address is not percent-encoded: copy the address as it was printed.');
  }
}

function keptToken({ SLIPWAY_DATA_DIR }) {
  const file = resolve(projectDir, SLIPWAY_DATA_DIR || join('.slipway', 'data'), 'admin-token');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    throw new Error(
      `There is no token: give --token or SLIPWAY_TOKEN. (I looked into ${file}, which npm start writes.)`,
    );
  }
}
