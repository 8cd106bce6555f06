import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { finished, startBuild } from '../support/builds.ts';
import { openRoles } from '../support/roles.ts';
import { finalEvents, logged, printingBuild } from '../support/running-builds.ts';
import { until } from '../support/until.ts';

describe.concurrent('SIGTERM under load', () => {
  it('makes an API process send its clients away, answer what it has been asked, and end with 0', async () => {
    // Those who go on asking do so as fast as they can.
    await using roles = await openRoles({ SLIPWAY_RATE_LIMIT: '0' });
    const { client, url, process: server } = await roles.serve();
    const waiting = await startBuild(client, printingBuild(roles.baseImage, 1, 0).wish);
    const sockets = await Promise.all(
      Array.from({ length: 20 }, () => openSubscription(url, client.token, waiting.id)),
    );
    const closings = sockets.map(async (socket) => (await once(socket, 'close'))[0] as number);
    // A request under way: its body has not come yet.
    const slow = request(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${client.token}`,
        'content-length': Buffer.byteLength(QUERY),
      },
    });
    slow.write(QUERY.slice(0, 10));
    const answered = once(slow, 'response');
    // Others go on asking until nobody listens any more; what they are answered is right or "try another one".
    const wrong: unknown[] = [];
    const asking = Array.from({ length: 5 }, async () => {
      for (;;) {
        const answer = await post(url, client.token).catch(() => null);
        if (answer === null) return;
        if (answer !== ANSWER) wrong.push(answer);
      }
    });

    const ended = server.stop('SIGTERM');
    await until('/readyz to answer 503', async () => (await fetch(`${url}/readyz`)).status === 503);
    expect(await Promise.all(closings)).toEqual(Array.from({ length: 20 }, () => 1012));
    slow.end(QUERY.slice(10));
    const [response] = await answered;
    expect(response.statusCode).toBe(200);
    expect(await text(response)).toBe(ANSWER);
    expect(await ended).toBe(0);
    await Promise.all(asking);
    expect(wrong).toEqual([]);
  });

  it('lets a worker end the builds that it runs within the drain time, and take no other', async () => {
    await using roles = await openRoles({ SLIPWAY_DRAIN_SECONDS: '60' });
    const { client } = await roles.serve();
    const first = await roles.work({ SLIPWAY_BUILD_SLOTS: '2' });
    const start = async () => await startBuild(client, printingBuild(roles.baseImage, 30, 0.1).wish);
    const running = [await start(), await start()];
    await Promise.all(running.map(({ id }) => logged(client, id, 'line 1')));
    const queued = [await start(), await start(), await start()];
    expect(await first.stop('SIGTERM')).toBe(0);
    for (const { id } of running)
      expect(await finished(client, id)).toMatchObject({ status: 'SUCCEEDED', attempt: 1 });
    await using _second = await roles.work();
    for (const { id } of queued)
      expect(await finished(client, id)).toMatchObject({ status: 'SUCCEEDED', attempt: 1 });
    for (const { id } of [...running, ...queued]) expect(await finalEvents(roles, id)).toBe(1);
  });

  it('lets a worker give builds back that take longer than the drain time, and none is lost', async () => {
    await using roles = await openRoles({ SLIPWAY_DRAIN_SECONDS: '1' });
    const { client } = await roles.serve();
    const first = await roles.work({ SLIPWAY_BUILD_SLOTS: '2' });
    const start = async () => await startBuild(client, printingBuild(roles.baseImage, 100, 0.1).wish);
    const running = [await start(), await start()];
    await Promise.all(running.map(({ id }) => logged(client, id, 'line 1')));
    const queued = await start();
    const askedAt = Date.now();
    expect(await first.stop('SIGTERM')).toBe(0);
    expect(Date.now() - askedAt).toBeLessThan(10_000);
    await using _second = await roles.work({ SLIPWAY_BUILD_SLOTS: '3' });
    for (const { id } of running)
      expect(await finished(client, id)).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
    expect(await finished(client, queued.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 1 });
    for (const { id } of [...running, queued]) expect(await finalEvents(roles, id)).toBe(1);
  });
});

const QUERY = JSON.stringify({ query: '{ viewer { __typename } }' });
const ANSWER =
  '{"data":{"viewer":{"__typename":"Viewer"}},"extensions":{"cost":{"requested":1,"limit":10000}}}\n';

async function post(url: string, token: string): Promise<string> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: QUERY });
  return await response.text();
}

/** A socket with a subscription that has given its first event. */
async function openSubscription(url: string, token: string, buildId: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  await once(socket, 'open');
  const query = 'subscription ($id: ID!) { imageBuildStatus(buildId: $id) { version } }';
  socket.send(JSON.stringify({ type: 'connection_init', payload: { Authorization: `Bearer ${token}` } }));
  await once(socket, 'message');
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query, variables: { id: buildId } } }));
  await once(socket, 'message');
  return socket;
}
