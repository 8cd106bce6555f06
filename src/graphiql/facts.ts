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
const TABS_KEY = 'graphiql:tabState';

/**
 * GraphiQL keeps the tabs as a person has left them. Where the server has new facts since (its private registry has another port,
 * its data folder is new), they take the place of the old ones there.
 */
export function refreshStoredTabs(facts: Facts): void {
  const before: Partial<Facts> = JSON.parse(localStorage.getItem(FACTS_KEY) ?? '{}');
  const tabs = localStorage.getItem(TABS_KEY);
  if (tabs !== null) {
    const { workspaceId = facts.workspaceId, baseImage = facts.baseImage } = before;
    localStorage.setItem(
      TABS_KEY,
      tabs.replaceAll(workspaceId, facts.workspaceId).replaceAll(baseImage, facts.baseImage),
    );
  }
  localStorage.setItem(FACTS_KEY, JSON.stringify(facts));
}

/** Throws edited tabs away; the examples come back with the next load of the page. */
export function forgetStoredTabs(): void {
  for (const name of ['tabState', 'query', 'variables', 'headers'])
    localStorage.removeItem(`graphiql:${name}`);
}
