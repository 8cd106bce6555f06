import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { assertDatabaseAnswers } from '../../src/db/database-answers.ts';
import { MIGRATIONS_DIR, migrate, pendingMigrations } from '../../src/db/migrate.ts';
import { openOrm } from '../../src/db/orm.ts';

const name = `migrations_${randomBytes(6).toString('hex')}`;
const url = Object.assign(new URL(inject('databaseUrl')), { pathname: `/${name}` }).href;
const all = readdirSync(MIGRATIONS_DIR)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3));

async function run(where: string, sql: string): Promise<{ name: string }[]> {
  const client = new pg.Client({ connectionString: where });
  await client.connect();
  try {
    return (await client.query<{ name: string }>(sql)).rows;
  } finally {
    await client.end();
  }
}
const asAdmin = async (sql: string) => await run(inject('databaseUrl'), sql);

beforeAll(async () => await asAdmin(`create database ${name}`));
afterAll(async () => await asAdmin(`drop database if exists ${name} with (force)`));

it('brings an empty database up to date once, also where several processes start together', async () => {
  expect((await pendingMigrations(url)).sort()).toEqual(all.toSorted());
  const snapshot = readFileSync(join(MIGRATIONS_DIR, '.snapshot.json'), 'utf8');
  const applied = await Promise.all([migrate(url), migrate(url), migrate(url)]);
  expect(applied.flat()).toEqual(all.toSorted());
  expect(await pendingMigrations(url)).toEqual([]);
  expect(await migrate(url)).toEqual([]);
  // Migrating leaves the project's folder as it is.
  expect(readFileSync(join(MIGRATIONS_DIR, '.snapshot.json'), 'utf8')).toBe(snapshot);
});

/** The last migration before the one that makes the queue's schema. */
const BEFORE_SECURITY = 'Migration20261121195929_saved_notebooks';

it('makes the schema of the queue, and leaves it as it is where the queue has made it before', async () => {
  expect(await run(url, "select nspname as name from pg_namespace where nspname = 'pgboss'")).toHaveLength(1);
  await run(url, "create table pgboss.job (name text); insert into pgboss.job values ('waits')");
  const orm = await openOrm(url, MIGRATIONS_DIR);
  try {
    await orm.migrator.down({ to: BEFORE_SECURITY });
  } finally {
    await orm.close();
  }
  expect(await migrate(url)).toContain('Migration20261122005007_security');
  expect(await run(url, 'select name from pgboss.job')).toEqual([{ name: 'waits' }]);
});

it('gives the roles that there are already a version', async () => {
  const orm = await openOrm(url, MIGRATIONS_DIR);
  try {
    await orm.migrator.down({ to: 'Migration20261122130309_compressed_logs' });
  } finally {
    await orm.close();
  }
  await run(
    url,
    `insert into user_account (id, name, is_admin, created_at) values (gen_random_uuid(), 'ada', false, now());
     insert into namespace (id, name, created_at, updated_at) values (gen_random_uuid(), 'team', now(), now());
     insert into namespace_member select n.id, u.id, 'OWNER' from namespace n, user_account u where n.name = 'team' and u.name = 'ada'`,
  );
  expect(await migrate(url)).toEqual(['Migration20261122183611_role_version']);
  const versioned = 'select u.name from role_version v join user_account u on u.id = v.user_id';
  expect(await run(url, versioned)).toEqual([{ name: 'ada' }]);
});

it('looks for its tables in public alone, whatever the address says', async () => {
  const { username } = new URL(url);
  await run(url, `create schema ${username}; create table ${username}.schema_migration (name text)`);
  const address = new URL(url);
  address.searchParams.set('options', `-c search_path=${username} -c statement_timeout=60000`);
  expect(await pendingMigrations(address.href)).toEqual([]);
  expect(await migrate(address.href)).toEqual([]);
  await run(url, `drop schema ${username} cascade`);
});

it('leaves the database as the entities describe it, and the tables of the queue alone', async () => {
  const orm = await openOrm(url, MIGRATIONS_DIR);
  try {
    expect(await orm.schema.getUpdateSchemaSQL()).toBe('');
  } finally {
    await orm.close();
  }
});

it('goes back to an empty database and up again', async () => {
  const orm = await openOrm(url, MIGRATIONS_DIR);
  try {
    await orm.migrator.down({ to: 0 });
    const rows = await run(
      url,
      "select tablename as name from pg_tables where schemaname = 'public' and tablename <> 'schema_migration'",
    );
    expect(rows).toEqual([]);
  } finally {
    await orm.close();
  }
  expect(await migrate(url)).toEqual(all.toSorted());
});

it('goes back to logs that are not compressed without those that are', async () => {
  const orm = await openOrm(url, MIGRATIONS_DIR);
  try {
    await run(
      url,
      `with build as (
          insert into image_build (id, kind, status, version, phases, steps, attempt, lost_workers, workspace_id, namespace_id,
              target_name, target_tag, target_reference, target_labels, pause, visibility, overwrite_tag, timeout_ms, job_id,
              log_line_count, created_at, finished_at)
            select gen_random_uuid(), 'DOCKERFILE', 'RUNNING', 1, '[]', '[]', 1, 0, w.id, n.id, 'old', '1', kind, '[]', false, 'PRIVATE',
              false, 1000, gen_random_uuid(), 2, now(), case when kind <> 'running' then now() end
            from namespace n, workspace w, unnest(array['compressed', 'plain', 'running']) kind
            returning id, target_reference as kind
        )
        insert into image_build_log (build_id, first_seq, last_seq, data, data_bytes, lines)
          select id, n, n, '', case when kind <> 'plain' and n = 2 then 2000 end, '[]' from build, generate_series(1, 2) n`,
    );
    await orm.migrator.down({ to: 'Migration20261122092439_public_in_namespace' });
    const found = await run(
      url,
      `select target_reference || ' ' || (log_deleted_at is not null) || ' ' || count(log.first_seq) as name
        from image_build build left join image_build_log log on build_id = build.id
        group by build.id order by target_reference`,
    );
    expect(found.map(({ name }) => name)).toEqual(['compressed true 0', 'plain false 2', 'running false 0']);
    await run(url, 'delete from image_build');
    await orm.migrator.up();
  } finally {
    await orm.close();
  }
});

it('makes the images searchable that were there before the catalogue could be searched by grams', async () => {
  const orm = await openOrm(url, MIGRATIONS_DIR);
  try {
    await orm.migrator.down({ to: 'Migration20261121045501_initial' });
    await run(
      url,
      `insert into image (id, namespace_id, workspace_id, name, tag, display_name, reference, registry_host, repository,
          layers, origin, type, status, visibility, service_type, dev_services, resource_categories, labels,
          created_at, updated_at)
        select gen_random_uuid(), n.id, w.id, 'old', '1', 'ＯＬＤ 抽帧', 'default/old:1', 'docker.io', 'default/old',
          '[]', 'CUSTOMIZE', 'DEDICATED', status, 'PRIVATE', 'UNKNOWN', '[]', '[]', '[]', now(), now()
        from namespace n, workspace w, unnest(array['ACTIVE', 'DELETED']) status`,
    );
    await orm.migrator.up();
    const found = await run(
      url,
      `select search_text || ' ' || version || ' ' || coalesce(status_before, '-') as name from image
        where search_grams @> array['抽帧', 'o'] and search_text like '%old 抽帧%' order by status`,
    );
    expect(found.map(({ name }) => name.split('\n'))).toEqual([
      ['old', 'old 抽帧', 'default/old:1 1 -'],
      ['old', 'old 抽帧', 'default/old:1 1 ACTIVE'],
    ]);
    expect(await orm.schema.getUpdateSchemaSQL()).toBe('');
  } finally {
    await orm.close();
  }
});

it.each([
  [
    'nobody listens',
    'postgresql://me:hunter2@127.0.0.1:1/db',
    '127.0.0.1:1 does not answer (connect ECONNREFUSED',
  ],
  [
    'a name has two addresses',
    'postgresql://me:hunter2@localhost:1/db',
    'localhost:1 does not answer (connect',
  ],
  [
    'the host is unknown',
    'postgresql://me:hunter2@db.invalid/db',
    'db.invalid:5432 does not answer (getaddrinfo',
  ],
  ['it is no address', 'postgresql://me:hunter2/#@db/db', 'is no address'],
])('says what is wrong with DATABASE_URL where %s, without the password', async (_case, wrong, said) => {
  const message = await assertDatabaseAnswers(wrong).then(String, (error: Error) => error.message);
  expect(message).toMatch(/^DATABASE_URL: /);
  expect(message).toContain(said);
  expect(message).not.toContain('hunter2');
});

it('says that a database lets nobody in, and nothing of one that does', async () => {
  const missing = Object.assign(new URL(url), { pathname: '/no_such_database' }).href;
  await expect(assertDatabaseAnswers(missing)).rejects.toThrow(
    'lets nobody in (database "no_such_database" does not exist)',
  );
  await expect(assertDatabaseAnswers(url)).resolves.toBeUndefined();
});

it('heeds all that the address says, for the pool as well: a name for the connection, encryption', async () => {
  const askWith = async (parameter: string, value: string, sql: string) => {
    const address = new URL(url);
    address.searchParams.set(parameter, value);
    const orm = await openOrm(address.href, MIGRATIONS_DIR);
    try {
      return await orm.em.execute(sql);
    } finally {
      await orm.close();
    }
  };
  const name = await askWith(
    'application_name',
    'mine',
    "select current_setting('application_name') as name",
  );
  expect(name).toEqual([{ name: 'mine' }]);
  await expect(askWith('sslmode', 'verify-full', 'select 1')).rejects.toThrow('SSL');
});
