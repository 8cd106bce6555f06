import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { pingEngine } from '../../src/embedded/engine-endpoint.ts';
import { AlreadyRunningError } from '../../src/embedded/instance-lock.ts';
import { startLocalServices } from '../../src/embedded/local-services.ts';
import { isRunning, type ProcessRecord, readRecord } from '../../src/embedded/process-record.ts';
import { claimTestRegistryHost } from '../support/local-parts.ts';
import { runLocalServices } from '../support/local-services-process.ts';
import { openTestFolder, type TestFolder } from '../support/test-folder.ts';

/** In the queue's schema, the one place where Slipway's role makes tables. */
const KEEP = 'create table pgboss.kept as select 1 as n';
const KEPT = 'select n from pgboss.kept';

describe('local services', () => {
  it('start cold, stop, and start warm with the same data, registry and token', async () => {
    await using folder = await openTestFolder();
    const host = await claimTestRegistryHost(folder.data);
    const cold = await runLocalServices(folder.data.path);
    expect(cold.summary).toMatchObject({
      registryHost: host,
      exampleBaseImage: `${host}/slipway/base:latest`,
    });
    expect(cold.summary.said.join('\n')).toContain('made now');
    await query(cold.summary.databaseUrl, KEEP);
    const started = records(folder);
    expect(started.filter(isRunning)).toEqual(started);
    expect(started.length).toBeGreaterThanOrEqual(2);
    await cold[Symbol.asyncDispose]();
    expect(started.filter(isRunning)).toEqual([]);
    expect(records(folder)).toEqual([]);

    await using warm = await runLocalServices(folder.data.path);
    expect(await query(warm.summary.databaseUrl, KEPT)).toEqual([{ n: 1 }]);
    expect(warm.summary.said.join('\n')).not.toContain('made now');
    expect(warm.summary).toMatchObject({ registryHost: host, adminToken: cold.summary.adminToken });
    const token = join(folder.data.path, 'admin-token');
    expect(readFileSync(token, 'utf8').trim()).toBe(cold.summary.adminToken);
    expect(statSync(token).mode & 0o777).toBe(0o600);
    if (warm.summary.engineEndpoint) expect(await pingEngine(warm.summary.engineEndpoint)).toBe('answers');
  });

  it('picks up after a crash: ends what was left, and nothing is lost', async () => {
    await using folder = await openTestFolder();
    await claimTestRegistryHost(folder.data);
    const crashed = await runLocalServices(folder.data.path);
    await query(crashed.summary.databaseUrl, KEEP);
    const left = records(folder);
    await crashed.crash();
    expect(left.filter(isRunning)).toEqual(left);

    await using next = await runLocalServices(folder.data.path);
    expect(left.filter(isRunning)).toEqual([]);
    expect(records(folder).filter(isRunning)).toHaveLength(left.length);
    expect(await query(next.summary.databaseUrl, KEPT)).toEqual([{ n: 1 }]);
    expect(next.summary.registryHost).toBe(crashed.summary.registryHost);
  });

  it('refuse a second start beside a running one, and say where that one is', async () => {
    await using folder = await openTestFolder();
    await claimTestRegistryHost(folder.data);
    await using first = await runLocalServices(folder.data.path);
    const config = readConfig({ SLIPWAY_DATA_DIR: folder.data.path, SLIPWAY_LOG_LEVEL: 'silent' }, '/');
    const second = startLocalServices(config, () => {});
    await expect(second).rejects.toThrow(AlreadyRunningError);
    await expect(second).rejects.toThrow(
      `Slipway is already running in ${folder.data.path}: http://127.0.0.1:1/here`,
    );
    expect(await query(first.summary.databaseUrl, 'select 1 as n')).toEqual([{ n: 1 }]);
  });

  it('name an engine that was asked for and does not answer', async () => {
    await using folder = await openTestFolder();
    await claimTestRegistryHost(folder.data);
    const env = {
      SLIPWAY_DATA_DIR: folder.data.path,
      SLIPWAY_LOG_LEVEL: 'silent',
      DOCKER_HOST: 'unix:///nowhere.sock',
    };
    await expect(startLocalServices(readConfig(env, '/'), () => {})).rejects.toThrow(
      'DOCKER_HOST is unix:///nowhere.sock, but that engine does not answer',
    );
    expect(records(folder)).toEqual([]);
  });
});

function records(folder: TestFolder): ProcessRecord[] {
  const names = readdirSync(folder.data.run).filter((name) => name.endsWith('.json'));
  return names.flatMap((name) => readRecord(folder.data.run, name.slice(0, -'.json'.length)) ?? []);
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
