import type { FuzzOperation } from './fuzz-operations.ts';
import type { Random } from './fuzz-random.ts';
import { anyText, anyValue, type FuzzMaterial } from './fuzz-values.ts';

/** An HTTP request as it is sent, and as a failure prints it. */
export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** The operation as every client sends it. */
export function postOf(operation: FuzzOperation): FuzzRequest {
  return {
    method: 'POST',
    path: '/graphql',
    headers: JSON_TYPE,
    body: Buffer.from(JSON.stringify(operation)),
  };
}

/** A valid request with some bytes of its body changed, or with one of its headers. */
export function damagedPost(random: Random, operation: FuzzOperation): FuzzRequest {
  const request = postOf(operation);
  const body = request.body ?? Buffer.alloc(0);
  if (random.chance(0.2)) return { ...request, headers: damagedHeaders(random) };
  if (random.chance(0.1)) return { ...request, body: body.subarray(0, random.below(body.length)) };
  const bytes = [...body];
  for (let left = 1 + random.below(4); left > 0; left -= 1) {
    const at = random.below(bytes.length);
    bytes.splice(at, random.below(2), ...(random.chance(0.8) ? [random.below(256)] : []));
  }
  return { ...request, body: Buffer.from(bytes) };
}

const HEADERS: readonly (readonly [string, readonly string[]])[] = [
  [
    'content-type',
    [
      '',
      'application/json; charset=utf-16',
      'application/graphql',
      'text/html',
      'a',
      ';;;',
      'application/json;charset="',
    ],
  ],
  [
    'accept',
    [
      '',
      'text/html',
      '*/*;q=0',
      'application/graphql-response+json',
      ',,,',
      'multipart/mixed; deferSpec=20220824',
    ],
  ],
  ['content-encoding', ['gzip', 'br', 'identity', 'nothing']],
  ['x-request-id', ['x'.repeat(500), '<b>', '{"a":1}', '../..']],
  ['origin', ['null', 'http://evil.example', 'not an origin']],
  ['range', ['bytes=0-', 'bytes=-1', 'bytes=9-1', 'x=1']],
  ['x-forwarded-for', ['1.2.3.4', 'nobody', '::', ',']],
  ['apollo-require-preflight', ['', 'x']],
  ['x-http-method-override', ['DELETE']],
  ['cookie', ['a=b; ='.repeat(50)]],
];

function damagedHeaders(random: Random): Record<string, string> {
  const [name, values] = random.of(HEADERS);
  return { ...JSON_TYPE, [name]: random.of(values) };
}

const METHODS = ['GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'] as const;
const PARAMETERS = [
  'query',
  'variables',
  'operationName',
  'extensions',
  'filter',
  'form',
  'follow',
  'x',
] as const;

/** A request for a route with random parts: GraphQL by GET, logs, exports, health, pages and what is not there. */
export function routeRequest(material: FuzzMaterial, operation: FuzzOperation): FuzzRequest {
  const { random, ids } = material;
  const part = () => escaped(random, random.chance(0.5) ? random.of(ids) : anyText(material).slice(0, 500));
  const path = random.of([
    () => '/graphql',
    () => `/builds/${part()}/log`,
    () => `/builds/${random.of(ids)}/log`,
    () => '/exports/image_list.json',
    () => `/graphiql/${part()}`,
    () => random.of(['/livez', '/readyz', '/', '//', '/graphql/', '/builds//log', '/..%2f..%2fetc']),
    () => `/${part()}`,
  ])();
  const written = (name: string): string => {
    if (name === 'query') return random.chance(0.7) ? operation.query : anyText(material);
    if (name === 'form') return random.of(['raw', 'text', 'html', '']);
    if (name === 'follow') return random.of(['false', 'true', '1']);
    const value = name === 'variables' && random.chance(0.5) ? operation.variables : anyValue(material);
    return random.chance(0.8) ? JSON.stringify(value) : anyText(material);
  };
  const given = random.times(random.below(3), () => random.of(PARAMETERS));
  const query = given.map((name) => `${name}=${escaped(random, written(name).slice(0, 3000))}`).join('&');
  const hasHeader = random.chance(0.2);
  return {
    method: random.of(METHODS),
    path: `${path}${query === '' ? '' : `?${query}`}`,
    headers: { 'apollo-require-preflight': 'yes', ...(hasHeader && damagedHeaders(random)) },
    body: null,
  };
}

/** Escaped as it should be, or as it should not. */
function escaped(random: Random, text: string): string {
  if (random.chance(0.05)) return random.of(['%', '%zz', '%ff', '%c0%80', '%u0041', '%00']);
  return encodeURIComponent(text.toWellFormed());
}
