import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchDatabase, withClient } from '../shared/database.ts';
import { REGISTRY } from '../shared/image-sql.ts';
import { type BenchOptions, isChosen, type Part, say } from '../shared/part.ts';
import { ask, startSlipway } from '../shared/slipway.ts';
import { median } from '../shared/statistics.ts';
import { table } from '../shared/table.ts';
import { type Case, casesOf } from './cases.ts';
import { type Cost, costOf, countAnew, openCountingDatabase } from './cost.ts';
import { seedGrowth } from './seed.ts';
import { seedViewers, type Viewer } from './viewers.ts';

const LARGEST = 1_000_000;
const ROUNDS = 10;
/** In each turn of a round; slow ones take one after this time. */
const ASKED_IN_TURN = 10;
const TURN_MS = 100;
/** No case is asked longer at one size. */
const CASE_MS = 3000;
// Until V8 has made fast what all cases share; a statement is planned five times before PostgreSQL keeps one plan for all values.
const WARM_UP_ROUNDS = 6;
const WARM_UP_MS = 50;

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

/** A server over a catalogue of one size. */
interface Catalogue {
  readonly size: number;
  readonly url: string;
  readonly adminUrl: string;
  readonly tokens: Readonly<Record<Viewer, string>>;
  /** The same for all sizes but for the places that pages begin at. */
  readonly cases: readonly Case[];
}

async function run(options: BenchOptions): Promise<string> {
  const largest = options.images ?? LARGEST;
  const home = options.data ?? (await mkdtemp(join(tmpdir(), 'slipway-bench-')));
  await using opened = new AsyncDisposableStack();
  opened.defer(async () => {
    if (options.data === null) await rm(home, { recursive: true, force: true });
  });
  const catalogues: Catalogue[] = [];
  for (const size of [largest / 100, largest / 10, largest])
    catalogues.push(await openCatalogue(size, home, options, opened));
  const { cases } = catalogues[0] as Catalogue;
  say('Warming up …');
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1)
    for (const at of cases.keys())
      for (const catalogue of catalogues) await askFor(catalogue, at, WARM_UP_MS);
  const results: (readonly Measured[])[] = [];
  for (const at of cases.keys()) results.push(await measure(catalogues, at, options.rounds ?? ROUNDS));
  return report(catalogues, cases, results);
}

async function openCatalogue(
  size: number,
  home: string,
  options: BenchOptions,
  opened: AsyncDisposableStack,
): Promise<Catalogue> {
  const startedAt = performance.now();
  const folder = join(home, `growth-${size}`);
  const fill = async (empty: BenchDatabase) => await seedGrowth(empty, size);
  const database = opened.use(await openCountingDatabase(folder, fill));
  const { adminUrl } = database;
  const tokens = await withClient(adminUrl, seedViewers);
  const cases = (await withClient(adminUrl, casesOf)).filter(({ name }) => isChosen(options, name));
  const { url } = opened.use(
    await startSlipway({
      role: 'serve',
      dist: options.dist,
      databaseUrl: database.url,
      // Whose images' sizes count for quotas.
      env: { SLIPWAY_REGISTRY: REGISTRY },
    }),
  );
  say(`${size} images and builds (${((performance.now() - startedAt) / 1000).toFixed(0)} s)`);
  return { size, url, adminUrl, tokens, cases };
}

/** Asks again and again for at most so many milliseconds, once at the least. @returns what each took */
async function askFor({ url, tokens, cases }: Catalogue, at: number, ms: number, most = Infinity) {
  const { query, variables, viewer } = cases[at] as Case;
  const times: number[] = [];
  const deadline = performance.now() + ms;
  do {
    const startedAt = performance.now();
    await ask(url, query, variables, tokens[viewer]);
    times.push(performance.now() - startedAt);
  } while (times.length < most && performance.now() < deadline);
  return times;
}

/** One case in all catalogues, in turns, so that they meet the same moments of the machine. */
async function measure(catalogues: readonly Catalogue[], at: number, rounds: number): Promise<Measured[]> {
  const times = catalogues.map((): number[] => []);
  for (const { adminUrl } of catalogues) await countAnew(adminUrl);
  for (let round = 0; round < rounds; round += 1)
    for (const [index, catalogue] of catalogues.entries()) {
      const before = times[index] as number[];
      if (before.reduce((sum, ms) => sum + ms, 0) < CASE_MS)
        before.push(...(await askFor(catalogue, at, TURN_MS, ASKED_IN_TURN)));
    }
  return await Promise.all(
    catalogues.map(async ({ adminUrl }, index) => {
      const taken = times[index] as number[];
      return { http: median(taken), ...(await costOf(adminUrl, taken.length)) };
    }),
  );
}

function report(
  catalogues: readonly Catalogue[],
  cases: readonly Case[],
  results: readonly (readonly Measured[])[],
): string {
  const sizes = catalogues.map(({ size }) => `${size}`);
  const head = ['case', 'viewer', ...sizes, 'growth', 'SQL ms', 'pages'];
  const rowOf = ({ name, viewer }: Case, measured: readonly Measured[]) => {
    const [small, large] = [measured[0], measured.at(-1)] as [Measured, Measured];
    const range = (of: (measured: Measured) => string) => measured.map(of).join(' / ');
    return [
      name,
      viewer,
      ...measured.map(({ http }) => http.toFixed(1)),
      (large.http / small.http).toFixed(2),
      range(({ ms }) => ms.toFixed(1)),
      range(({ pages }) => pages.toFixed(0)),
    ];
  };
  const rows = cases.map((one, at) => rowOf(one, results[at] as readonly Measured[]));
  const part = (grows: boolean) =>
    table(
      head,
      rows.filter((_, at) => cases[at]?.grows === grows),
    );
  return `Milliseconds of a request over HTTP, one at a time and the sizes in turns, at so many images and as many builds; \`growth\` is the
largest beside the smallest. SQL: what PostgreSQL itself counted, planning with it; pages: how many of 8 KB it looked at.

${part(false)}

What has to look at more where there is more:

${part(true)}`;
}
