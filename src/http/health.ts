import { type Route, sendJson } from './exchange.ts';

/** Can the process serve? `checks` names each part it needs with "ok" or what is wrong, fit for an operator's eyes. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, string>>;
}

/**
 * `/livez` answers 200 as long as the process turns its event loop: restart it when it does not. `/readyz` answers 503 while a
 * part is missing or the process drains: send requests elsewhere. Neither asks for a token.
 */
export function healthRoutes(
  readiness: () => Promise<Readiness>,
  isDraining: () => boolean,
): Route<unknown>[] {
  const recentReadiness = recent(readiness);
  return [
    { method: 'GET', pattern: '/livez', handler: ({ res }) => sendJson(res, 200, { live: true }) },
    {
      method: 'GET',
      pattern: '/readyz',
      handler: async ({ res }) => {
        const { ready, checks } = await recentReadiness();
        const draining = isDraining();
        const body = {
          ready: ready && !draining,
          checks: { ...checks, ...(draining && { server: 'draining' }) },
        };
        sendJson(res, body.ready ? 200 : 503, body);
      },
    },
  ];
}

const FRESH_MS = 1000;

/** What was found within the last second, or is being looked for, is told to all who ask: anybody may ask as often as they like. */
function recent(readiness: () => Promise<Readiness>): () => Promise<Readiness> {
  let answer: Promise<Readiness> | null = null;
  const forget = () => {
    answer = null;
  };
  return async () => {
    if (answer !== null) return await answer;
    answer = readiness().catch(() => ({ ready: false, checks: { readiness: 'failed' } }));
    const found = await answer;
    setTimeout(forget, FRESH_MS).unref();
    return found;
  };
}
