import { Migrator } from '@mikro-orm/migrations';
import { defineConfig, type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { DatabaseConnection } from 'kysely';
import { isLostConnection } from '../shared/faults.ts';
import { withSearchPath } from './search-path.ts';
import { type Db, ENTITIES, type Tables } from './tables.ts';

export type Orm = Awaited<ReturnType<typeof openOrm>>;
export type { EntityManager };

/** Sees a statement with what stands for its `$1`, `$2` …; the entity manager writes values into the statement itself. */
export type OnStatement = (statement: string, parameters: readonly unknown[]) => void;

/**
 * MikroORM's options.
 *
 * @param databaseUrl `postgresql://…`
 * @param migrationsDir the folder of compiled or source migrations
 * @param onStatement sees every statement that is sent, the entity manager's and the query builder's
 */
export function ormOptions(databaseUrl: string, migrationsDir: string, onStatement?: OnStatement) {
  return defineConfig({
    clientUrl: databaseUrl,
    entities: [...ENTITIES],
    extensions: [Migrator],
    forceUtcTimezone: true,
    ignoreUndefinedInQuery: true,
    pool: { max: 10 },
    // The queue's tables are its own; without this the differ would want to drop them.
    schemaGenerator: { ignoreSchema: ['pgboss'] },
    migrations: {
      path: migrationsDir,
      pathTs: migrationsDir,
      glob: '!(*.d).{js,ts}',
      snapshotName: '.snapshot',
      // The snapshot belongs to `npm run migration`: migrating would write PostgreSQL's wording of it into the project's folder.
      snapshotOnMigrate: false,
      tableName: 'schema_migration',
      // Whoever migrates says what was applied.
      silent: true,
    },
    colors: false,
    onQuery: refuseNul,
    driverOptions: {
      // MikroORM reads host, user and database from the address and drops the rest, `sslmode` too; the driver reads it whole.
      connectionString: withSearchPath(databaseUrl),
      // A pool that is used up answers with an error instead of waiting for ever.
      connectionTimeoutMillis: 30_000,
    },
    onCreateConnection: async (connection) => prepare(connection as DatabaseConnection, onStatement),
  });
}

/**
 * MikroORM writes values into the statement, which PostgreSQL's protocol ends at U+0000. Such a statement is refused with the
 * SQLSTATE that PostgreSQL itself has for that character in a parameter: no row can hold it.
 */
function refuseNul(query: string, values: readonly unknown[]): string {
  if (values.some((value) => typeof value === 'string' && value.includes('\0'))) {
    throw Object.assign(new Error('a text holds the character U+0000'), { code: '22021' });
  }
  return query;
}

/** Opens the connection pool; nothing is sent before the first query. */
export async function openOrm(databaseUrl: string, migrationsDir: string, onStatement?: OnStatement) {
  return await MikroORM.init(ormOptions(databaseUrl, migrationsDir, onStatement));
}

/**
 * Lets a connection that was lost in a transaction, or as it began, go back to its pool, which then drops it. Without this the
 * rollback fails as well, or is never tried, and the slot is never given back: ten such losses and the process has no
 * connection left. A transaction that could not begin fails with its next statement.
 *
 * @param onStatement MikroORM's own log has the entity manager's statements only; this sees the query builder's too
 */
function prepare(connection: DatabaseConnection, onStatement?: OnStatement): void {
  const execute = connection.executeQuery.bind(connection);
  connection.executeQuery = async (query, ...rest) => {
    onStatement?.(query.sql, query.parameters);
    try {
      return await execute(query, ...rest);
    } catch (error) {
      if (query.sql === 'rollback' || (query.sql === 'begin' && isLostConnection(error))) return { rows: [] };
      throw error;
    }
  };
}

/** The query builder over the manager's connection or, inside a transaction, over the transaction. */
export function kysely(em: EntityManager): Db {
  return em.getKysely<Tables>({
    tableNamingStrategy: 'entity',
    columnNamingStrategy: 'property',
    convertValues: true,
  });
}
