// A process of its own for tests: starts the local services, prints what they are as one line of JSON, and stays.
// `kill -9` of it is a crash; SIGTERM stops everything in order.
import { once } from 'node:events';
import { readConfig } from '../../src/config.ts';
import { migrate } from '../../src/db/migrate.ts';
import { startLocalServices } from '../../src/embedded/local-services.ts';

const said: string[] = [];
await using services = await startLocalServices(
  readConfig(process.env, process.cwd()),
  (line) => said.push(line),
  { prepare: async (database) => await database.migrate(migrate) },
);
const { databaseUrl, engineEndpoint, registryHost, exampleBaseImage, adminToken } = services;
services.announce('http://127.0.0.1:1/here');
const summary = { databaseUrl, engineEndpoint, registryHost, exampleBaseImage, adminToken, said };
process.stdout.write(`${JSON.stringify(summary)}\n`);
const alive = setInterval(() => {}, 60_000);
await once(process, 'SIGTERM');
clearInterval(alive);
