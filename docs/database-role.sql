-- The API and the workers as a role that owns none of the tables.
--
-- Triggers refuse every change and deletion in the audit trail, but whoever owns its tables can take the triggers away. So that
-- nobody can who gets hold of the API's password, let one role own the database and migrate it, and another one run it:
--
--   1. As slipway_owner, who owns the database:   DATABASE_URL=… npm start -- migrate
--   2. Once, as a superuser, in that database:    psql -1 -v ON_ERROR_STOP=1 -f docs/database-role.sql …
--   3. As slipway_api:                            DATABASE_URL=… npm start -- serve   (and work)
--
-- Later versions are migrated by slipway_owner again, before they start; this file is not needed again for them. It may be run on
-- a database that Slipway has worked with as its owner, too, while no Slipway runs. Replace the names of the roles and of the
-- database, slipway, and the password by your own.

create role slipway_api login password 'change me';

-- No CREATE: a role that may make schemas could lay out tables and functions for the owner to run into.
grant connect on database slipway to slipway_api;

revoke create on schema public from public;
grant usage on schema public to slipway_api;
grant select, insert, update, delete on all tables in schema public to slipway_api;
grant usage on all sequences in schema public to slipway_api;

-- The same for tables that later migrations make.
alter default privileges for role slipway_owner in schema public
  grant select, insert, update, delete on tables to slipway_api;
alter default privileges for role slipway_owner in schema public
  grant usage on sequences to slipway_api;

-- What only grows, and what only slipway_owner writes.
revoke update, delete on audit_event, audit_outcome from slipway_api;
revoke insert, update, delete on schema_migration from slipway_api;

-- The job queue's schema, which a migration has made, and what is in it where Slipway has worked as slipway_owner before: the
-- queue's library makes it, and changes it when it is newer.
do $$
declare
  change text;
begin
  for change in
    select 'alter schema pgboss owner to slipway_api' from pg_namespace where nspname = 'pgboss'
    union all
    select format('alter table %s owner to slipway_api', oid::regclass)
      from pg_class where relnamespace = to_regnamespace('pgboss') and relkind in ('r', 'p')
    union all
    select format('alter routine %s owner to slipway_api', oid::regprocedure)
      from pg_proc where pronamespace = to_regnamespace('pgboss')
    union all
    select format('alter type %s owner to slipway_api', oid::regtype)
      from pg_type where typnamespace = to_regnamespace('pgboss') and typtype = 'e'
  loop
    execute change;
  end loop;
end $$;
