import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { withSearchPath } from '../db/search-path.ts';
import type { Logger } from '../shared/logger.ts';
import type { EventBus, Waker } from './event-bus.ts';
import { Wakers } from './wakers.ts';

const CHANNEL = 'slipway';
/**
 * Hints of one process go out at most this often, ten times a second: NOTIFY in every writing transaction serialises commits. The first
 * after a silence goes at once, with those of the same turn; what follows is gathered.
 */
const SEND_EVERY_MS = 100;
/** PostgreSQL refuses payloads of 8,000 bytes and more; a key has about 42. */
const KEYS_PER_NOTIFY = 100;
const RECONNECT_MS = 500;

/**
 * ADAPTER over LISTEN and NOTIFY: one listening connection a process, opened again when it is lost, and then every
 * reader is woken once, because hints may have gone by meanwhile.
 *
 * @see https://www.postgresql.org/docs/current/sql-notify.html
 */
export class PostgresEventBus implements EventBus, AsyncDisposable {
  readonly #wakers = new Wakers();
  readonly #stopping = new AbortController();
  #client: pg.Client | null = null;
  #listening: Promise<void> = Promise.resolve();
  #gathered = new Set<string>();
  #sending: NodeJS.Timeout | null = null;
  /** When hints went out last, in milliseconds of `performance.now()`. */
  #sentAt = -SEND_EVERY_MS;

  constructor(
    private readonly databaseUrl: string,
    private readonly log: Logger,
  ) {}

  start(): void {
    this.#listening = this.#keepListening();
  }

  hint(key: string): void {
    this.#wakers.wake(key);
    this.#gathered.add(key);
    const dueMs = this.#sentAt + SEND_EVERY_MS - performance.now();
    this.#sending ??= setTimeout(() => void this.#send(), Math.max(0, dueMs));
  }

  listen(key: string): Waker {
    return this.#wakers.listen(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    if (this.#sending !== null) clearTimeout(this.#sending);
    await this.#send();
    await this.#client?.end().catch(() => undefined);
    await this.#listening;
  }

  async #send(): Promise<void> {
    this.#sending = null;
    this.#sentAt = performance.now();
    const keys = [...this.#gathered];
    this.#gathered = new Set();
    for (let i = 0; i < keys.length; i += KEYS_PER_NOTIFY) {
      const payload = JSON.stringify(keys.slice(i, i + KEYS_PER_NOTIFY));
      try {
        await this.#client?.query('select pg_notify($1, $2)', [CHANNEL, payload]);
      } catch (error) {
        this.log.debug(
          { err: error },
          'hints were not sent; readers find the news when they look by themselves',
        );
      }
    }
  }

  async #keepListening(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const client = new pg.Client({
        connectionString: withSearchPath(this.databaseUrl),
        application_name: 'slipway-events',
      });
      const ended = new Promise<void>((resolve) => client.once('end', () => resolve()));
      client.on('error', (error) => this.log.warn({ err: error }, 'the listening connection was lost'));
      client.on('notification', ({ payload }) => {
        const keys = keysOf(payload);
        if (keys === null) this.#wakers.wakeAll();
        else for (const key of keys) this.#wakers.wake(key);
      });
      try {
        await client.connect();
        await client.query(`listen ${CHANNEL}`);
        this.#client = client;
        this.#wakers.wakeAll();
        if (signal.aborted) await client.end();
        await ended;
      } catch (error) {
        this.log.warn({ err: error }, 'cannot listen for events; trying again');
        await client.end().catch(() => undefined);
      }
      this.#client = null;
      await sleep(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** The keys in a notification; `null` for one that is none of ours: anybody may NOTIFY on the channel. */
function keysOf(payload: string | undefined): string[] | null {
  try {
    const keys: unknown = JSON.parse(payload ?? '');
    return Array.isArray(keys) && keys.every((key) => typeof key === 'string') ? keys : null;
  } catch {
    return null;
  }
}
