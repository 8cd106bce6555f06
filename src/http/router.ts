import { HttpError, type Route } from './exchange.ts';

/** What answers a path: the handler for the method, the values of the pattern's named groups, and what it costs. */
export interface Match<Session> {
  readonly handler: Route<Session>['handler'];
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly cost: number;
}

/**
 * Makes the function that finds the route of a request.
 *
 * It throws HttpError 404 where no pattern matches, and 405 with `Allow` where one does but for other methods.
 */
export function createRouter<Session>(
  routes: readonly Route<Session>[],
): (method: string, url: URL) => Match<Session> {
  const table = routes.map((route) => ({ route, pattern: new URLPattern({ pathname: route.pattern }) }));
  // GraphQL's path, which nearly every request has, is found without trying patterns.
  const literal = new Map<string, Route<Session>[]>();
  for (const route of routes.filter(({ pattern }) => /^[\w/-]+$/.test(pattern))) {
    literal.set(route.pattern, [...(literal.get(route.pattern) ?? []), route]);
  }

  return (method, url) => {
    const wanted = method === 'HEAD' ? 'GET' : method;
    const direct = literal.get(url.pathname)?.find((route) => route.method === wanted);
    if (direct) return { handler: direct.handler, params: {}, cost: direct.cost ?? 0 };
    const matches = table.flatMap(({ route, pattern }) => {
      const result = pattern.exec({ pathname: url.pathname });
      return result ? [{ route, params: result.pathname.groups }] : [];
    });
    const match = matches.find(({ route }) => route.method === wanted);
    if (match) return { handler: match.route.handler, params: match.params, cost: match.route.cost ?? 0 };
    if (matches.length === 0) throw new HttpError(404, 'NOT_FOUND', 'There is nothing at this address.');
    const allowed = [...new Set(matches.map(({ route }) => route.method))].join(', ');
    throw new HttpError(405, 'METHOD_NOT_ALLOWED', `Use ${allowed} here.`, { allow: allowed });
  };
}
