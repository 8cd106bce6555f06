import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type HttpServer, listen } from './http-server.ts';

/** What a registry does with a request: hand it on to the real one, answer with a status of its own, or say nothing. */
type Treatment = 'pass' | 'hang' | number;

export interface RegistryRequest {
  readonly method: string;
  readonly path: string;
}

/** A real registry behind a proxy that answers wrongly where a test says so. */
export interface FaultyRegistry extends AsyncDisposable {
  /** `127.0.0.1:port`, which the real one gives out as its own. */
  readonly host: string;
  /** How each request from now on is treated; all pass at first. */
  treat(treatment: (request: RegistryRequest) => Treatment): void;
  /** Those that were not passed on. */
  readonly refused: readonly RegistryRequest[];
}

export const isUpload = ({ method, path }: RegistryRequest) =>
  method === 'POST' && path.includes('/blobs/uploads/');
export const isManifestPush = ({ method, path }: RegistryRequest) =>
  method === 'PUT' && path.includes('/manifests/');

/** @param target `host:port` of the real one, which speaks plain HTTP */
export async function openFaultyRegistry(target: string): Promise<FaultyRegistry> {
  let treatment: (request: RegistryRequest) => Treatment = () => 'pass';
  const refused: RegistryRequest[] = [];
  const server: HttpServer = await listen((req, res) => {
    const asked = { method: req.method ?? '', path: req.url ?? '' };
    const what = treatment(asked);
    if (what === 'pass') return handOn(req, res, target);
    refused.push(asked);
    req.resume();
    if (what === 'hang') return;
    res.writeHead(what, { 'content-type': 'application/json' }).end('{"errors":[{"code":"UNKNOWN"}]}');
  });
  return {
    host: server.host,
    refused,
    treat: (next) => {
      treatment = next;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function handOn(req: IncomingMessage, res: ServerResponse, target: string): void {
  const [host, port] = target.split(':');
  // With the proxy's own Host, from which the registry makes the addresses of uploads.
  const { method, url: path, headers } = req;
  const onward = request({ host, port, method, path, headers }, (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(res);
  });
  onward.on('error', () => res.destroy());
  res.on('close', () => onward.destroy());
  req.pipe(onward);
}
