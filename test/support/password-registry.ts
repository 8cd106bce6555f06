import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RegistryCredentials } from '../../src/engine/container-engine.ts';
import { type HttpServer, listen } from './http-server.ts';

/** A registry that demands a password for what another one holds, and notes what it is shown. */
export interface PasswordRegistry extends HttpServer {
  /** The `Authorization` of every request that had one. */
  readonly shown: readonly string[];
  /** How many requests there were. */
  readonly requests: number;
}

/** @param accepts `null`: nobody's */
export async function openPasswordRegistry(
  behind: string,
  accepts: RegistryCredentials | null,
): Promise<PasswordRegistry> {
  const shown: string[] = [];
  let requests = 0;
  const expected = accepts && basic(accepts);
  const server = await listen((request, response) => {
    requests += 1;
    const { authorization } = request.headers;
    if (authorization !== undefined) shown.push(authorization);
    if (authorization === undefined || authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
    } else {
      passOn(behind, request, response).catch(() => response.destroy());
    }
  });
  return {
    host: server.host,
    port: server.port,
    get connections() {
      return server.connections;
    },
    shown,
    get requests() {
      return requests;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export const basic = ({ username, password }: RegistryCredentials): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

async function passOn(behind: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const method = request.method ?? 'GET';
  const headers = { accept: request.headers.accept ?? '*/*' };
  const answer = await fetch(`http://${behind}${request.url}`, { method, headers });
  const body = Buffer.from(await answer.arrayBuffer());
  const kept = ['content-type', 'content-length', 'docker-content-digest'];
  const passed = [...answer.headers].filter(([name]) => kept.includes(name));
  response.writeHead(answer.status, Object.fromEntries(passed)).end(body);
}
