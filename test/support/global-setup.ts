import type { TestProject } from 'vitest/node';
import { type EmbeddedPostgres, startPostgres } from '../../src/embedded/postgres.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { openTestFolder, type TestFolder } from './test-folder.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The URL of a running PostgreSQL as its superuser, who may create databases. */
    databaseUrl: string;
  }
}

/** One server for all projects of a run; every project runs this file on its own, in the same process. */
interface Shared {
  users: number;
  server: Promise<{ postgres: EmbeddedPostgres; folder: TestFolder }>;
}
const holder: { [key: symbol]: Shared | undefined } = globalThis;
const KEY = Symbol.for('slipway.test.postgres');

/** Starts PostgreSQL (1.5 s) for the projects whose tests need a database. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  holder[KEY] ??= { users: 0, server: start() };
  const shared = holder[KEY];
  shared.users += 1;
  const { postgres, folder } = await shared.server;
  project.provide('databaseUrl', postgres.adminUrl);
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    holder[KEY] = undefined;
    await postgres[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  };
}

async function start(): Shared['server'] {
  const folder = await openTestFolder();
  try {
    const options = { durable: false, mayCreateUser: true, maxConnections: 400 };
    return { folder, postgres: await startPostgres(folder.data, options, createLogger('error')) };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
