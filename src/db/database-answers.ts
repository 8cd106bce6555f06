import pg from 'pg';
import { withSearchPath } from './search-path.ts';

// Longer than a busy server takes, shorter than a person waits.
const ANSWER_MS = 10_000;

/**
 * Asks the database whether it is there.
 *
 * @throws Error it is not, or does not let us in; the message is for whoever set `DATABASE_URL`, and holds no password
 */
export async function assertDatabaseAnswers(databaseUrl: string): Promise<void> {
  const client = openClient(databaseUrl);
  // A connection that breaks in between is told by the query as well.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
  } catch (error) {
    const why = reasonOf(error);
    const what = error instanceof pg.DatabaseError ? 'lets nobody in' : 'does not answer';
    throw new Error(`DATABASE_URL: the database at ${client.host}:${client.port} ${what} (${why})`, {
      cause: error,
    });
  } finally {
    await client.end().catch(() => {});
  }
}

function openClient(databaseUrl: string): pg.Client {
  try {
    return new pg.Client({
      connectionString: withSearchPath(databaseUrl),
      connectionTimeoutMillis: ANSWER_MS,
    });
  } catch (cause) {
    throw new Error(
      'DATABASE_URL: is no address; characters such as @ / # ? % in user or password have to be percent-encoded',
      { cause },
    );
  }
}

/** A name with several addresses fails with one error for each, and no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
