import cors from 'cors';
import { HttpError, type Route } from './exchange.ts';
import type { IsAllowedOrigin } from './origins.ts';

// The longest that Chrome believes.
const MAX_AGE_SECONDS = 7200;

/**
 * The same routes for pages of other origins, too, as far as these are allowed; and the answer to what browsers ask before they
 * send anything that a form could not send. There are no cookies here, hence no credentials.
 */
export function withCors<Session>(
  routes: readonly Route<Session>[],
  isAllowed: IsAllowedOrigin,
): Route<Session>[] {
  const setHeaders = cors((req, done) => {
    const { origin } = req.headers;
    done(null, {
      // A list even of none, so that these answers, too, say that they vary by origin.
      origin: origin !== undefined && isAllowed(req.headers) ? [origin] : [],
      methods: 'GET,HEAD,POST',
      allowedHeaders:
        'authorization,content-type,x-request-id,apollo-require-preflight,if-none-match,if-range,range',
      exposedHeaders: 'x-request-id,retry-after,content-range,etag,www-authenticate',
      maxAge: MAX_AGE_SECONDS,
    });
  });
  function preflight(pattern: string): Route<Session> {
    const methods = routes.filter((route) => route.pattern === pattern).map(({ method }) => method);
    return {
      method: 'OPTIONS',
      pattern,
      handler: ({ req, res }) => {
        if (!isAllowed(req.headers)) throw foreignOrigin();
        res.setHeader('allow', [...methods, 'OPTIONS'].join(', '));
        setHeaders(req, res, () => {});
      },
    };
  }
  const open = (route: Route<Session>): Route<Session> => ({
    ...route,
    handler: (exchange) => {
      const { req, res } = exchange;
      // No page of another origin has sent it: it hears no more than that others are answered in another way.
      if (req.headers.origin === undefined) res.setHeader('vary', 'Origin');
      else setHeaders(req, res, () => {});
      return route.handler(exchange);
    },
  });
  return [...routes.map(open), ...[...new Set(routes.map(({ pattern }) => pattern))].map(preflight)];
}

/** The refusal of a page that may not use the API. */
export function foreignOrigin(): HttpError {
  const message = 'Pages of this origin may not use the API; SLIPWAY_ORIGINS names those that may.';
  return new HttpError(403, 'FORBIDDEN', message);
}
