import { expect, it } from 'vitest';
import { createDockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { collectUntilError } from '../contracts/container-engine.contract.ts';
import { listen } from '../support/http-server.ts';

const ID = `sha256:${'a'.repeat(64)}`;

it('a push that is given up while the engine tags takes the tag away once it is there', async () => {
  const asked: string[] = [];
  const given = new AbortController();
  await using server = await listen((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://engine');
    asked.push(`${request.method} ${pathname} ${searchParams.get('repo') ?? ''}`.trim());
    if (searchParams.get('repo') === 'host:5000/a') {
      given.abort(new Error('canceled'));
      // Answers a moment after the one who asked has gone.
      setTimeout(() => {
        asked.push('tagged');
        response.writeHead(201).end();
      }, 50);
    } else response.writeHead(request.method === 'DELETE' ? 200 : 201).end('[]');
  });
  const engine = createDockerEngine(`tcp://127.0.0.1:${server.port}`, createLogger('silent'));
  const push = engine.push({ imageId: ID, reference: 'host:5000/a:1', auth: null }, { signal: given.signal });
  const { events, error } = await collectUntilError(push);
  expect(events).toEqual([]);
  expect(error).toMatchObject({ message: 'canceled' });
  expect(asked).toEqual([
    `POST /images/${ID}/tag host:5000/a`,
    'tagged',
    `POST /images/${ID}/tag slipway-kept`,
    'DELETE /images/host:5000/a:1',
  ]);
});
