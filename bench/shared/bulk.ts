import pg from 'pg';

/** Connections that insert at the same time. */
const WRITERS = 4;

/**
 * Has `fill` write into tables that have no indexes meanwhile, but for those of constraints: written once at the end, they take a
 * tenth of the time.
 *
 * @param client the superuser's
 */
export async function withoutIndexes(
  client: pg.Client,
  tables: readonly string[],
  fill: () => Promise<void>,
): Promise<void> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index
      where indrelid = any($1::regclass[]) and not exists (select from pg_constraint where conindid = indexrelid)`,
    [tables],
  );
  for (const { name } of rows) await client.query(`drop index ${name}`);
  await fill();
  await client.query("set maintenance_work_mem = '512MB'");
  for (const { definition } of rows) await client.query(definition);
}

/**
 * Runs one statement for the places 1 to `size` on several connections, each with the places `$1` to `$2`, without a look at what
 * the rows refer to.
 *
 * @param adminUrl the superuser's
 */
export async function insertInParts(adminUrl: string, size: number, statement: string): Promise<void> {
  const part = Math.ceil(size / WRITERS);
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, index) => {
      const client = new pg.Client({ connectionString: adminUrl });
      await client.connect();
      try {
        await client.query('set session_replication_role = replica; set synchronous_commit = off');
        await client.query(statement, [index * part + 1, Math.min(size, (index + 1) * part)]);
      } finally {
        await client.end();
      }
    }),
  );
}
