import { request } from 'node:http';
import { join } from 'node:path';
import { homeFolder, runtimeFolder } from './machine.ts';

export type EngineAnswer = 'answers' | 'refuses this user' | 'does not answer';

/** Asks a container engine whether it is there: `GET /_ping` of the Docker Engine API, which Podman serves as well. */
export async function pingEngine(endpoint: string, timeoutMs = 3000): Promise<EngineAnswer> {
  const target = endpoint.startsWith('unix://')
    ? { socketPath: endpoint.slice('unix://'.length) }
    : { hostname: new URL(endpoint).hostname, port: new URL(endpoint).port || 2375 };
  return new Promise((resolve) => {
    const asked = request({ ...target, path: '/_ping', timeout: timeoutMs }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? 'answers' : 'does not answer');
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'EACCES' ? 'refuses this user' : 'does not answer'),
    );
    asked.on('close', () => resolve('does not answer'));
    asked.end();
  });
}

/** Where Docker and Podman listen when nothing else has been set, the most usual first. */
export function usualEndpoints(): string[] {
  const session = runtimeFolder();
  const home = homeFolder();
  const sockets = [
    '/var/run/docker.sock',
    ...(session ? [join(session, 'docker.sock')] : []),
    ...(home ? [join(home, '.docker', 'run', 'docker.sock')] : []),
    ...(session ? [join(session, 'podman', 'podman.sock')] : []),
    '/run/podman/podman.sock',
  ];
  return sockets.map((path) => `unix://${path}`);
}
