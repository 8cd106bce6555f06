import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { nodeOptions as usualOptions } from '../../scripts/node-options.mjs';
import { type MeasuredProcess, startProcess } from './process.ts';
import { send } from './send.ts';

/** A token for the user `admin`. */
export const ADMIN_TOKEN = 'the administrator of a benchmark';

export interface SlipwayOptions {
  /** `serve`: the API; `work`: a worker. */
  readonly role: 'serve' | 'work';
  /** The compiled server's folder. */
  readonly dist: string;
  readonly databaseUrl: string;
  /** Further settings, e.g. DOCKER_HOST. */
  readonly env?: Readonly<Record<string, string>>;
  /** Options for Node, e.g. --cpu-prof. */
  readonly nodeOptions?: readonly string[];
  readonly cores?: readonly number[] | undefined;
}

/** A production build of Slipway as a process of its own. */
export interface SlipwayProcess extends MeasuredProcess {
  /** Where the API is, e.g. http://127.0.0.1:34567; empty for a worker. */
  readonly url: string;
}

/**
 * Starts it on a migrated database, with {@link ADMIN_TOKEN}, with a rate limit that is never reached, and waits until it is ready.
 *
 * @throws Error with its output where it does not come up
 */
export async function startSlipway(options: SlipwayOptions): Promise<SlipwayProcess> {
  const { role, dist, databaseUrl, env = {}, nodeOptions = [], cores } = options;
  const program = join(dist, 'src', 'main.js');
  if (!existsSync(program)) throw new Error(`there is no ${program}: run \`npm run build\` first`);
  const flags = [...usualOptions(role), ...nodeOptions];
  const started = await startProcess([process.execPath, ...flags, program, role], {
    env: {
      DATABASE_URL: databaseUrl,
      PORT: '0',
      SLIPWAY_ADMIN_TOKEN: ADMIN_TOKEN,
      SLIPWAY_SECRET_KEY: '00'.repeat(32),
      // Counted as in production, and never reached.
      SLIPWAY_RATE_LIMIT: '1000000000',
      // Housekeeping would take a seed's old logs away meanwhile.
      SLIPWAY_LOG_RETENTION_DAYS: '0',
      ...env,
    },
    cores,
    until: role === 'serve' ? /serves: (\S+)/ : /works(:)/,
  });
  const url = role === 'serve' ? (started.said[1] as string) : '';
  if (role === 'serve') await waitUntilReady(url);
  return { ...started, url };
}

async function waitUntilReady(url: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const response = await fetch(`${url}/readyz`);
    if (response.ok) return;
    if (performance.now() > deadline) throw new Error(`not ready: ${await response.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/**
 * Asks Slipway one operation and gives its data.
 *
 * @throws Error with what it said, where that is not data alone
 */
export async function ask<Data>(
  url: string,
  query: string,
  variables: object = {},
  token: string = ADMIN_TOKEN,
): Promise<Data> {
  return await send<Data>(url, JSON.stringify({ query, variables }), token);
}
