import { sendOperation } from './request.ts';

/** What the example tabs are filled with, so that they run as they stand on this very server. */
export interface Facts {
  readonly workspaceId: string;
  readonly namespace: string;
  readonly baseImage: string;
}

interface FactsAnswer {
  server?: { exampleBaseImage: string | null };
  workspaces?: { nodes: { id: string; isDefault: boolean }[] };
  namespaces?: { nodes: { name: string }[] };
}

const QUERY = `query ExampleFacts {
  server { exampleBaseImage }
  workspaces(first: 50) { nodes { id isDefault } }
  namespaces(first: 50) { nodes { name } }
}`;

/** Asks the server; what it does not tell is filled with values that have to be edited by hand. */
export async function readFacts(token: string): Promise<Facts> {
  const { data } = await sendOperation(token, { query: QUERY });
  const { server, workspaces, namespaces }: FactsAnswer = data ?? {};
  const workspace = workspaces?.nodes.find((node) => node.isDefault) ?? workspaces?.nodes[0];
  const names = namespaces?.nodes.map((node) => node.name) ?? [];
  return {
    workspaceId: workspace?.id ?? 'put the id of a workspace here',
    namespace: names.includes('default') ? 'default' : (names[0] ?? 'default'),
    baseImage: server?.exampleBaseImage ?? 'docker.io/library/busybox:latest',
  };
}

const FACTS_KEY = 'slipway:facts';
const RESET_KEY = 'slipway:reset-examples';
const GRAPHIQL_KEYS = ['tabState', 'query', 'variables', 'headers'].map((name) => `graphiql:${name}`);

/**
 * Readies what GraphiQL has kept, before it starts: it keeps the tabs as a person has left them. Where the server has new facts
 * since (its private registry has another port, its data folder is new), they take the place of the old ones there.
 */
export function readyStoredTabs(facts: Facts): void {
  if (sessionStorage.getItem(RESET_KEY)) {
    sessionStorage.removeItem(RESET_KEY);
    for (const key of GRAPHIQL_KEYS) localStorage.removeItem(key);
  }
  const before: Partial<Facts> = JSON.parse(localStorage.getItem(FACTS_KEY) ?? '{}');
  const { workspaceId = facts.workspaceId, baseImage = facts.baseImage } = before;
  for (const key of GRAPHIQL_KEYS) {
    const kept = localStorage.getItem(key);
    if (kept === null) continue;
    const text = kept.replaceAll(workspaceId, facts.workspaceId).replaceAll(baseImage, facts.baseImage);
    localStorage.setItem(key, text);
  }
  localStorage.setItem(FACTS_KEY, JSON.stringify(facts));
}

/** Throws edited tabs away and loads the page anew, with the examples. */
export function resetExamples(): void {
  // Not at once: GraphiQL writes what it keeps half a second late, and would bring the tabs back before the page is gone.
  sessionStorage.setItem(RESET_KEY, 'yes');
  location.reload();
}
