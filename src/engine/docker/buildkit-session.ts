import { randomUUID } from 'node:crypto';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { BuildRequest } from '../container-engine.ts';
import {
  type CredentialsRequest,
  type GetSecretRequest,
  METHODS,
  SERVING,
} from './buildkit-session-messages.ts';
import type { EngineConnection } from './engine-connection.ts';
import { credentialsFor } from './registry-auths.ts';

/** A connection on which BuildKit asks for what a build needs, while the build runs. */
export interface BuildKitSession extends Disposable {
  /** What the build call names it by. */
  readonly id: string;
}

/**
 * Opens a session that answers for secrets, each by its id, and for credentials, each for its own registry. What it has
 * not is answered with "not found", or with no credentials: BuildKit pulls without any then.
 *
 * The roles are turned round: the engine takes our connection over and calls us on it.
 *
 * @throws Error as the client gives it
 */
export async function openBuildKitSession(
  engine: EngineConnection,
  { secrets, registryAuths }: Pick<BuildRequest, 'secrets' | 'registryAuths'>,
  signal: AbortSignal,
): Promise<BuildKitSession> {
  const id = randomUUID();
  const server = new Server();
  server.addService(METHODS, {
    Credentials({ request }: ServerUnaryCall<CredentialsRequest, object>, answer: sendUnaryData<object>) {
      const pair = credentialsFor(registryAuths, request.Host);
      answer(null, pair ? { Username: pair.username, Secret: pair.password } : {});
    },
    GetSecret({ request }: ServerUnaryCall<GetSecretRequest, object>, answer: sendUnaryData<object>) {
      const secret = Object.hasOwn(secrets, request.ID) ? secrets[request.ID] : undefined;
      if (secret === undefined) answer({ code: status.NOT_FOUND, details: 'no such secret' });
      else answer(null, { data: Buffer.from(secret, 'utf8') });
    },
    Check(_call: unknown, answer: sendUnaryData<object>) {
      answer(null, { status: SERVING });
    },
  });
  const socket = await engine.upgrade({
    path: '/session',
    headers: {
      Upgrade: 'h2c',
      'X-Docker-Expose-Session-Uuid': id,
      'X-Docker-Expose-Session-Name': 'slipway',
      'X-Docker-Expose-Session-Sharedkey': '',
      'X-Docker-Expose-Session-Grpc-Method': Object.values(METHODS).map(({ path }) => path),
    },
    signal,
  });
  // An engine that dies takes the connection with it; the build call tells that.
  socket.on('error', () => undefined);
  server.createConnectionInjector(ServerCredentials.createInsecure()).injectConnection(socket);
  return {
    id,
    [Symbol.dispose]() {
      server.forceShutdown();
      socket.destroy();
    },
  };
}
