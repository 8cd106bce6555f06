import { readdir, readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Exchange, HttpError, type Route } from './exchange.ts';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ttf': 'font/ttf',
  '.woff2': 'font/woff2',
};

// Everything comes from the server itself. Monaco writes its styles into the page and draws icons from data: URLs.
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE_HEADERS = {
  // On its scripts as well, since a worker goes by the policy of its own script.
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cross-origin-opener-policy': 'same-origin',
};

const compress = promisify(gzip);

interface Content {
  readonly plain: Buffer;
  readonly compressed: Buffer;
}

async function contentOf(path: string): Promise<Content> {
  const plain = await readFile(path);
  return { plain, compressed: await compress(plain) };
}

/**
 * The routes of the GraphiQL page, from the files that the build has put into `dir`. They are listed once, here, so that no path
 * of a request ever reaches the file system; each is read and compressed when it is first asked for, and kept (6.9 MB, and 1.8 MB
 * compressed): answers that nobody takes share these bytes.
 */
export async function graphiqlRoutes(dir: string): Promise<Route<unknown>[]> {
  const names = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = new Map(
    names
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(dir.length).split(sep).join('/').replace(/^\/*/, ''), path]),
  );
  const contents = new Map<string, Promise<Content>>();

  async function read(name: string): Promise<Content> {
    const path = files.get(name);
    if (path === undefined) {
      throw files.size > 0
        ? new HttpError(404, 'NOT_FOUND', 'There is nothing at this address.')
        : new HttpError(503, 'UNAVAILABLE', 'The GraphiQL page has not been built; `npm start` builds it.');
    }
    const content = contents.get(name) ?? contentOf(path);
    contents.set(name, content);
    content.catch(() => contents.delete(name));
    return content;
  }

  async function send({ req, res }: Exchange<unknown>, name: string): Promise<void> {
    const content = await read(name);
    const hashed = name.startsWith('assets/');
    res.setHeaders(
      new Headers({
        'content-type': CONTENT_TYPES[extname(name)] ?? 'application/octet-stream',
        'cache-control': hashed ? 'public, max-age=31536000, immutable' : 'no-cache',
        ...PAGE_HEADERS,
        vary: 'accept-encoding',
      }),
    );
    const acceptsGzip = /\bgzip\b/.test(req.headers['accept-encoding'] ?? '');
    if (acceptsGzip) res.setHeader('content-encoding', 'gzip');
    const body = acceptsGzip ? content.compressed : content.plain;
    res.setHeader('content-length', body.length).end(body);
  }

  const toPage: Route<unknown>['handler'] = ({ res }) => {
    res.writeHead(302, { location: '/graphiql' }).end();
  };
  return [
    { method: 'GET', pattern: '/', handler: toPage },
    { method: 'GET', pattern: '/graphiql', handler: (exchange) => send(exchange, 'index.html') },
    { method: 'GET', pattern: '/graphiql/', handler: toPage },
    {
      method: 'GET',
      pattern: '/graphiql/:name+',
      handler: (exchange) => send(exchange, exchange.params['name'] ?? ''),
    },
  ];
}
