import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withClient } from '../shared/database.ts';
import { REGISTRY } from '../shared/image-sql.ts';
import { type BenchOptions, isChosen, type Part, say } from '../shared/part.ts';
import { ask, startSlipway } from '../shared/slipway.ts';
import { median } from '../shared/statistics.ts';
import { table } from '../shared/table.ts';
import { type Case, casesOf } from './cases.ts';
import { type Cost, costOf, openCountingDatabase } from './cost.ts';
import { seedGrowth } from './seed.ts';
import { seedViewers } from './viewers.ts';

const LARGEST = 1_000_000;
const ROUNDS = 20;
/** No case is asked longer, however slow it is, and no longer before it is measured. */
const CASE_MS = 3000;

export const part: Part = {
  name: 'growth',
  title: 'lists, pages, searches and counts as the catalogue grows',
  run,
};

/** What one case took at one size. */
interface Measured extends Cost {
  /** Milliseconds of a request, in the middle. */
  readonly http: number;
}
type Measurements = ReadonlyMap<string, Measured>;

async function run(options: BenchOptions): Promise<string> {
  const largest = options.images ?? LARGEST;
  const sizes = [largest / 100, largest / 10, largest];
  const home = options.data ?? (await mkdtemp(join(tmpdir(), 'slipway-bench-')));
  try {
    const results: Measurements[] = [];
    let cases: readonly Case[] = [];
    for (const size of sizes) {
      const startedAt = performance.now();
      const folder = join(home, `growth-${size}`);
      await using database = await openCountingDatabase(
        folder,
        async (empty) => await seedGrowth(empty, size),
      );
      const tokens = await withClient(database.adminUrl, seedViewers);
      say(`${size} images and builds (${((performance.now() - startedAt) / 1000).toFixed(0)} s)`);
      cases = (await withClient(database.adminUrl, casesOf)).filter(({ name }) => isChosen(options, name));
      await using server = await startSlipway({
        role: 'serve',
        dist: options.dist,
        databaseUrl: database.url,
        // Whose images' sizes count for quotas.
        env: { SLIPWAY_REGISTRY: REGISTRY },
      });
      const measured = new Map<string, Measured>();
      for (const one of cases) {
        const request = async () =>
          void (await ask(server.url, one.query, one.variables, tokens[one.viewer]));
        measured.set(keyOf(one), await measure(database.adminUrl, request, options.rounds ?? ROUNDS));
      }
      results.push(measured);
    }
    return report(sizes, cases, results);
  } finally {
    if (options.data === null) await rm(home, { recursive: true, force: true });
  }
}

const keyOf = ({ name, viewer }: Case) => `${name}, ${viewer}`;

async function measure(adminUrl: string, request: () => Promise<void>, rounds: number): Promise<Measured> {
  // PostgreSQL plans a prepared statement five times before it may keep one plan for all values.
  const warm = performance.now() + CASE_MS;
  for (let round = 0; round < 6 && performance.now() < warm; round += 1) await request();
  const times: number[] = [];
  const deadline = performance.now() + CASE_MS;
  const cost = await costOf(adminUrl, async () => {
    while (times.length === 0 || (times.length < rounds && performance.now() < deadline)) {
      const startedAt = performance.now();
      await request();
      times.push(performance.now() - startedAt);
    }
    return times.length;
  });
  return { http: median(times), ...cost };
}

function report(sizes: readonly number[], cases: readonly Case[], results: readonly Measurements[]): string {
  const head = ['case', 'viewer', ...sizes.map((size) => `${size}`), 'growth', 'SQL ms', 'pages'];
  const rowOf = (one: Case) => {
    const measured = results.map((result) => result.get(keyOf(one)) as Measured);
    const [small, large] = [measured[0], measured.at(-1)] as [Measured, Measured];
    const range = (of: (measured: Measured) => string) => measured.map(of).join(' / ');
    return [
      one.name,
      one.viewer,
      ...measured.map(({ http }) => http.toFixed(1)),
      (large.http / small.http).toFixed(2),
      range(({ ms }) => ms.toFixed(1)),
      range(({ pages }) => pages.toFixed(0)),
    ];
  };
  const part = (grows: boolean) => table(head, cases.filter((one) => one.grows === grows).map(rowOf));
  return `Milliseconds of a request over HTTP, one at a time, at so many images and as many builds; \`growth\` is the largest beside the
smallest. SQL: what PostgreSQL itself counted, planning with it; pages: how many of 8 KB it looked at.

${part(false)}

What has to look at more where there is more:

${part(true)}`;
}
