import { withClient } from './database.ts';

/** Connections that write at the same time. */
const WRITERS = 4;

type Statement = readonly [text: string, values?: unknown[]];

/** Runs statements on {@link WRITERS} connections of the superuser's, in their order, each as soon as one is free. */
export async function runSideBySide(
  adminUrl: string,
  settings: string,
  statements: readonly Statement[],
): Promise<void> {
  const waiting = statements.values();
  const run = async () =>
    await withClient(adminUrl, async (client) => {
      await client.query(settings);
      for (const [text, values] of waiting) await client.query(text, values);
    });
  await Promise.all(Array.from({ length: WRITERS }, run));
}

/**
 * Has `fill` write into tables that have no indexes meanwhile, but for those of constraints: written once at the end, they take a
 * tenth of the time.
 *
 * @param adminUrl the superuser's
 */
export async function withoutIndexes(
  adminUrl: string,
  tables: readonly string[],
  fill: () => Promise<void>,
): Promise<void> {
  const indexes = await withClient(adminUrl, async (client) => {
    // What takes longest comes first.
    const { rows } = await client.query<{ name: string; definition: string }>(
      `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index
        where indrelid = any($1::regclass[]) and not exists (select from pg_constraint where conindid = indexrelid)
        order by pg_get_indexdef(indexrelid) like '% gin %' desc`,
      [tables],
    );
    for (const { name } of rows) await client.query(`drop index ${name}`);
    return rows;
  });
  await fill();
  await runSideBySide(
    adminUrl,
    "set maintenance_work_mem = '256MB'",
    indexes.map(({ definition }) => [definition]),
  );
}

/**
 * Runs one statement for the places 1 to `size` on several connections, each with the places `$1` to `$2`, without a look at what
 * the rows refer to.
 *
 * @param adminUrl the superuser's
 */
export async function insertInParts(adminUrl: string, size: number, statement: string): Promise<void> {
  const part = Math.ceil(size / WRITERS);
  await runSideBySide(
    adminUrl,
    'set session_replication_role = replica; set synchronous_commit = off',
    Array.from({ length: WRITERS }, (_, index) => [
      statement,
      [index * part + 1, Math.min(size, (index + 1) * part)],
    ]),
  );
}
