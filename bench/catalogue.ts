import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { migrate } from '../src/db/migrate.ts';
import { openDataFolder } from '../src/embedded/data-folder.ts';
import { startPostgres } from '../src/embedded/postgres.ts';
import { startServer } from '../src/server.ts';
import { createLogger } from '../src/shared/logger.ts';
import { type Case, casesOf } from './catalogue-cases.ts';
import { seedCatalogue } from './catalogue-seed.ts';

const HELP = `Measures lists, searches and pages of a seeded catalogue over HTTP, beside the bare SQL of the same statements.

  --images <n>   how many images (100000)
  --rounds <n>   how often each case is measured (40)
  --locale <l>   the database's locale: C.UTF-8 (as the embedded one has it) or C (C.UTF-8)
  --data <dir>   keep PostgreSQL's data there, and take the catalogue that an earlier run has left
  --only <text>  only cases whose name has this text
  --explain      print the plan of each case's statements instead of measuring
  --help         this text

Milliseconds; HTTP with client, server and GraphQL in one process, one request at a time; SQL the statements alone, over pg.
The ratio of both is what can be compared between machines.
`;

const { values: options } = parseArgs({
  options: {
    images: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '40' },
    locale: { type: 'string', default: 'C.UTF-8' },
    data: { type: 'string' },
    only: { type: 'string', default: '' },
    explain: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) process.stdout.write(HELP);
else await measure(Number(options.images), Number(options.rounds));

async function measure(images: number, rounds: number): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const log = createLogger('error');
  const home = options.data ?? (await mkdtemp(join(tmpdir(), 'slipway-bench-')));
  if (options.data === undefined) opened.defer(() => rmSync(home, { recursive: true, force: true }));
  const postgres = opened.use(
    await startPostgres(openDataFolder(home), { durable: true, mayCreateUser: true }, log),
  );
  const databaseUrl = await openDatabase(postgres.adminUrl, options.locale);
  await migrate(databaseUrl);

  const adminToken = 'the administrator of a benchmark';
  const connections = {
    databaseUrl,
    engineEndpoint: null,
    registryHost: null,
    exampleBaseImage: null,
    adminToken,
    secretKey: Buffer.alloc(32),
  };
  const statements: Statement[] = [];
  const app = opened.use(
    await createApp(
      readConfig({ PORT: '0', SLIPWAY_LOG_LEVEL: 'error', SLIPWAY_RATE_LIMIT: '0' }, '.'),
      connections,
      log,
      {
        engine: null,
        registry: null,
        onStatement: (text, values) => statements.push({ text, values: [...values] }),
      },
    ),
  );
  const server = opened.use(await startServer(app));
  const ask = async (token: string, query: string, variables: object = {}): Promise<unknown> => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as { data: unknown; errors?: unknown };
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  await ask(adminToken, '{ viewer { user { id } } }'); // makes the user that the images belong to
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  opened.defer(async () => await client.end());

  const started = performance.now();
  if (!(await isSeeded(client))) await seedCatalogue(client, images);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  process.stdout.write(`${images} images, locale ${options.locale}; seeded in ${seconds} s\n\n`);

  const cases = await casesOf(client, async (query) => await ask(adminToken, query));
  const chosen = cases.filter(({ name }) => name.includes(options.only));
  // Once through all: what is compiled and cached for the first ones should not count against them.
  for (const { token, query, variables } of chosen) await ask(token ?? adminToken, query, variables);
  const rows = [];
  for (const one of chosen) {
    const run = async () => await ask(one.token ?? adminToken, one.query, one.variables);
    statements.length = 0;
    const answer = await run();
    // Without signing in, which every request begins with.
    const own = statements.filter(
      ({ text }) => !text.includes('access_token') && !text.includes('user_account'),
    );
    if (options.explain) await explain(client, one, own);
    else rows.push(await timesOf(one, answer, run, client, [...own], rounds));
  }
  if (!options.explain) print(rows);
}

interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

interface Times {
  readonly name: string;
  readonly found: string;
  readonly http: readonly number[];
  readonly sql: readonly number[];
}

async function timesOf(
  one: Case,
  answer: unknown,
  run: () => Promise<unknown>,
  client: pg.Client,
  statements: readonly Statement[],
  rounds: number,
): Promise<Times> {
  const bare = async () => {
    for (const { text, values } of statements) await client.query(text, values);
  };
  const [http, sql]: [number[], number[]] = [[], []];
  // In turns, so that both meet the same moments of the machine.
  for (let round = -3; round < rounds; round += 1) {
    const times = [await timeOf(run), await timeOf(bare)] as const;
    if (round < 0) continue;
    http.push(times[0]);
    sql.push(times[1]);
  }
  return { name: one.name, found: one.found(answer), http, sql };
}

async function timeOf(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

async function explain(client: pg.Client, one: Case, statements: readonly Statement[]): Promise<void> {
  process.stdout.write(`== ${one.name}\n`);
  for (const { text, values } of statements) {
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `explain (analyze, buffers, costs) ${text}`,
      values,
    );
    process.stdout.write(`${rows.map((row) => row['QUERY PLAN']).join('\n')}\n\n`);
  }
}

function print(rows: readonly Times[]): void {
  const at = (times: readonly number[], share: number) =>
    times.toSorted((a, b) => a - b)[Math.floor(share * (times.length - 1))] as number;
  const table = rows.map(({ name, found, http, sql }) => [
    name,
    found,
    at(http, 0.5).toFixed(1),
    at(http, 0.95).toFixed(1),
    at(sql, 0.5).toFixed(1),
    (at(http, 0.5) / at(sql, 0.5)).toFixed(1),
  ]);
  const lines = [['case', 'found', 'HTTP p50', 'HTTP p95', 'SQL p50', 'HTTP/SQL'], ...table];
  const width = (column: number) => Math.max(...lines.map((line) => (line[column] as string).length));
  for (const line of lines) {
    const cells = line.map((cell, column) =>
      column === 0 ? cell.padEnd(width(column)) : cell.padStart(width(column)),
    );
    process.stdout.write(`${cells.join('  ')}\n`);
  }
}

async function isSeeded(client: pg.Client): Promise<boolean> {
  return (await client.query('select from image limit 1')).rowCount === 1;
}

/** A database of its own, with the locale whose rules tell letters from other characters. */
async function openDatabase(adminUrl: string, locale: string): Promise<string> {
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  const name = `bench_${locale.replace(/\W/g, '').toLowerCase()}`;
  const { rowCount } = await admin.query('select from pg_database where datname = $1', [name]);
  const provider = locale === 'C' ? "locale_provider libc locale 'C'" : '';
  if (rowCount === 0)
    await admin.query(`create database ${name} template template0 encoding 'UTF8' ${provider}`);
  await admin.end();
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}
