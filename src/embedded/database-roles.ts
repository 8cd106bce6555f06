import pg from 'pg';

/** The name of Slipway's database, and of the role that works with it: one that owns the job queue and nothing else. */
export const APP = 'slipway';
/** Who owns the database and its tables, and migrates it: the audit trail's triggers are out of the reach of {@link APP}. */
export const OWNER = 'slipway_owner';

/**
 * Makes the roles and the database where they are missing.
 *
 * @param client the superuser's, in any database
 */
export async function createDatabase(
  client: pg.Client,
  passwords: { readonly app: string; readonly owner: string },
): Promise<void> {
  await createRole(client, APP, passwords.app);
  await createRole(client, OWNER, passwords.owner);
  const { rowCount } = await client.query('select from pg_database where datname = $1', [APP]);
  if (rowCount === 0) await client.query(`create database ${APP} owner ${OWNER}`);
}

async function createRole(client: pg.Client, name: string, password: string): Promise<void> {
  const { rowCount } = await client.query('select from pg_roles where rolname = $1', [name]);
  if (rowCount === 0) await client.query(`create role ${name} login password ${pg.escapeLiteral(password)}`);
}

/**
 * Gives everything in a database of {@link APP}, as earlier versions made it, to {@link OWNER}. What {@link APP} has to have
 * it gets by {@link grantRights}, which every start does.
 *
 * @param client the superuser's, in that database
 */
export async function takeOver(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query(
    'select from pg_database where datname = current_database() and datdba = $1::regrole',
    [APP],
  );
  if (rowCount === 1) await client.query(`reassign owned by ${APP} to ${OWNER}`);
}

/** What docs/database-role.sql gives to an operator's role; the comments are there. Sent at once, so it is one transaction. */
const RIGHTS = `
  grant connect on database ${APP} to ${APP};

  revoke create on schema public from public;
  grant usage on schema public to ${APP};
  grant select, insert, update, delete on all tables in schema public to ${APP};
  grant usage on all sequences in schema public to ${APP};

  alter default privileges for role ${OWNER} in schema public grant select, insert, update, delete on tables to ${APP};
  alter default privileges for role ${OWNER} in schema public grant usage on sequences to ${APP};

  revoke update, delete on public.audit_event, public.audit_outcome from ${APP};
  revoke insert, update, delete on public.schema_migration from ${APP};

  do $$
  declare
    change text;
  begin
    for change in
      select 'alter schema pgboss owner to ${APP}' from pg_namespace
        where nspname = 'pgboss' and nspowner <> '${APP}'::regrole
      union all
      select format('alter table %s owner to ${APP}', oid::regclass) from pg_class
        where relnamespace = to_regnamespace('pgboss') and relkind in ('r', 'p') and relowner <> '${APP}'::regrole
      union all
      select format('alter routine %s owner to ${APP}', oid::regprocedure) from pg_proc
        where pronamespace = to_regnamespace('pgboss') and proowner <> '${APP}'::regrole
      union all
      select format('alter type %s owner to ${APP}', oid::regtype) from pg_type
        where typnamespace = to_regnamespace('pgboss') and typtype = 'e' and typowner <> '${APP}'::regrole
    loop
      execute change;
    end loop;
  end $$`;

/**
 * Lets {@link APP} work with the tables, which are there and up to date.
 *
 * @param client the superuser's, in Slipway's database
 */
export async function grantRights(client: pg.Client): Promise<void> {
  await client.query(RIGHTS);
}
