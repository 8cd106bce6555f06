import { createServer } from 'node:net';

/**
 * Why nobody can listen there now, in words for whoever set `HOST` and `PORT`; `null` where it is possible. The address is taken and
 * given back, so that it is known before anything else is started.
 *
 * @param port 0 asks about the host alone
 */
export async function listenProblem(host: string, port: number): Promise<string | null> {
  const code = await tryToListen(host, port);
  switch (code) {
    case null:
      return null;
    case 'EADDRINUSE':
      return `PORT: ${port} on ${host} is in use by another program; set PORT to another one, or stop it`;
    case 'EACCES':
      return `PORT: ${port} is not open to this user; set PORT to 1024 or more`;
    default:
      return `HOST: this machine has no address ${host} to listen on (${code}); set HOST to one that it has, such as 127.0.0.1, or to 0.0.0.0 for all`;
  }
}

function tryToListen(host: string, port: number): Promise<string | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}
