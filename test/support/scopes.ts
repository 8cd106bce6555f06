import type { UserErrorFacts } from './builds.ts';
import type { ApiClient } from './client.ts';

/** Namespaces and workspaces follow the same rules: tests of those run with both. */
export const SCOPE_KINDS = ['namespace', 'workspace'] as const;
export type ScopeKind = (typeof SCOPE_KINDS)[number];

interface UseFacts {
  readonly limit: number | null;
  readonly used: number;
}
export interface QuotaFacts {
  readonly images: UseFacts;
  readonly storageBytes: UseFacts;
  readonly concurrentBuilds: UseFacts;
}
export interface ScopeFacts {
  readonly id: string;
  readonly name: string;
  readonly displayName: string | null;
  readonly description: string | null;
  readonly quota: QuotaFacts;
  readonly updatedAt: string;
}
export interface ScopePayload {
  readonly scope: ScopeFacts | null;
  readonly userErrors: readonly UserErrorFacts[];
}

const FIELDS = `id name displayName description updatedAt
  quota { images { limit used } storageBytes { limit used } concurrentBuilds { limit used } }`;

/** The mutation `createNamespace`, `deleteWorkspace` and so on. */
export function scopeMutation(verb: 'create' | 'update' | 'delete', kind: ScopeKind): string {
  const noun = kind === 'namespace' ? 'Namespace' : 'Workspace';
  const type = `${verb.charAt(0).toUpperCase()}${verb.slice(1)}${noun}Input`;
  return `mutation ($input: ${type}!) {
    done: ${verb}${noun}(input: $input) { scope: ${kind} { ${FIELDS} } userErrors { code message path details } }
  }`;
}

const sender = (verb: 'create' | 'update' | 'delete') => {
  return async (client: ApiClient, kind: ScopeKind, input: Record<string, unknown>): Promise<ScopePayload> =>
    (await client.run<{ done: ScopePayload }>(scopeMutation(verb, kind), { input })).done;
};
export const createScope = sender('create');
export const updateScope = sender('update');
export const deleteScope = sender('delete');

/** Makes one that must be accepted. */
export async function makeScope(
  client: ApiClient,
  kind: ScopeKind,
  input: Record<string, unknown>,
): Promise<ScopeFacts> {
  const { scope, userErrors } = await createScope(client, kind, input);
  if (scope === null) throw new Error(JSON.stringify(userErrors));
  return scope;
}

/** Sets limits, which must be accepted. */
export async function setQuota(
  client: ApiClient,
  kind: ScopeKind,
  id: string,
  quota: Record<string, unknown>,
): Promise<void> {
  const { userErrors } = await updateScope(client, kind, { id, quota });
  if (userErrors.length > 0) throw new Error(JSON.stringify(userErrors));
}

/** One as the client sees it; `null` where they see none. */
export async function readScope(
  client: ApiClient,
  kind: ScopeKind,
  name: string,
): Promise<ScopeFacts | null> {
  const query = `query ($name: String!) { scope: ${kind}(name: $name) { ${FIELDS} } }`;
  return (await client.run<{ scope: ScopeFacts | null }>(query, { name })).scope;
}

/** What is used of one's quota: images, bytes and unfinished builds. */
export async function usedOf(
  client: ApiClient,
  kind: ScopeKind,
  name: string,
): Promise<[number, number, number]> {
  const scope = await readScope(client, kind, name);
  if (scope === null) throw new Error(`there is no ${kind} ${name}`);
  const { images, storageBytes, concurrentBuilds } = scope.quota;
  return [images.used, storageBytes.used, concurrentBuilds.used];
}

/** Gives a role, or takes it away. */
export async function setRole(
  admin: ApiClient,
  kind: ScopeKind,
  id: string,
  userName: string,
  role: string | null,
): Promise<void> {
  const noun = kind === 'namespace' ? 'Namespace' : 'Workspace';
  await admin.run(
    `mutation ($input: Set${noun}MemberInput!) { set${noun}Member(input: $input) { userErrors { message } } }`,
    { input: { [`${kind}Id`]: id, userName, role } },
  );
}

/** An id of the right type that names nothing. */
export const missingId = (kind: ScopeKind): string => {
  const type = kind === 'namespace' ? 'Namespace' : 'Workspace';
  return Buffer.from(`${type}:11111111-2222-4333-8444-555555555555`).toString('base64url');
};
