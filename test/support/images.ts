import type { UserErrorFacts } from './builds.ts';
import type { ApiClient } from './client.ts';
import type { TestDatabase } from './database.ts';

/** An image as the tests ask for it. */
export interface ImageFacts {
  readonly id: string;
  readonly uid: string;
  readonly name: string;
  readonly tag: string;
  readonly displayName: string | null;
  readonly description: string | null;
  readonly reference: string;
  readonly registryHost: string;
  readonly repository: string;
  readonly digest: string | null;
  readonly sizeBytes: number | null;
  readonly architecture: string | null;
  readonly origin: string;
  readonly type: string;
  readonly status: string;
  readonly statusMessage: string | null;
  readonly visibility: string;
  readonly serviceType: string;
  readonly devServices: readonly string[];
  readonly resourceCategories: readonly string[];
  readonly labels: readonly { readonly key: string; readonly value: string }[];
  readonly namespace: { readonly name: string };
  readonly workspace: { readonly name: string; readonly isDefault: boolean };
  readonly createdBy: { readonly name: string } | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly deletedAt: string | null;
  readonly viewerPermissions: readonly string[];
}

export const IMAGE_FIELDS = `id uid name tag displayName description reference registryHost repository digest sizeBytes
  architecture origin type status statusMessage visibility serviceType devServices resourceCategories
  labels { key value } namespace { name } workspace { name isDefault } createdBy { name }
  createdAt updatedAt deletedAt viewerPermissions`;

export interface ImagePayload {
  readonly image: ImageFacts | null;
  readonly userErrors: readonly UserErrorFacts[];
  readonly clientMutationId: string | null;
}

const mutation = (name: string) => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  return `mutation ($input: ${type}!) {
    ${name}(input: $input) {
      image { ${IMAGE_FIELDS} } userErrors { code message path details } clientMutationId
    }
  }`;
};
const sender = (name: 'registerImage' | 'updateImage' | 'deleteImage') => {
  const query = mutation(name);
  return async (client: ApiClient, input: Record<string, unknown>): Promise<ImagePayload> =>
    (await client.run<Record<string, ImagePayload>>(query, { input }))[name] as ImagePayload;
};

export const registerImage = sender('registerImage');
export const updateImage = sender('updateImage');
export const deleteImage = sender('deleteImage');

export const REGISTER_IMAGE = mutation('registerImage');
export const UPDATE_IMAGE = mutation('updateImage');
export const DELETE_IMAGE = mutation('deleteImage');

/** Registers an image that must be accepted. */
export async function makeImage(client: ApiClient, input: Record<string, unknown>): Promise<ImageFacts> {
  const { image, userErrors } = await registerImage(client, input);
  if (image === null) throw new Error(JSON.stringify(userErrors));
  return image;
}

/** Code and place of each error, as `CODE path.to.it`, in alphabetical order. */
export const codes = (userErrors: readonly UserErrorFacts[]): string[] =>
  userErrors.map(({ code, path }) => `${code} ${path.join('.')}`).sort();

/** The code of the first GraphQL error of a request that must fail. */
export async function errorCode(
  client: ApiClient,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<unknown> {
  const { errors } = await client.ask(query, variables);
  if (errors === undefined) throw new Error('the request was answered without an error');
  return errors[0]?.extensions['code'];
}

/**
 * Puts rows into the catalogue without the API, two by two at the same millisecond, so that ties are there to be broken.
 *
 * @param prefix of the names, which are `<prefix>0001` and so on; in small letters, as it is searched
 */
export async function fillCatalogue(
  database: TestDatabase,
  prefix: string,
  count: number,
  columns: {
    readonly visibility?: string;
    readonly createdAt?: string;
    readonly sourceBuildId?: string;
  } = {},
): Promise<void> {
  await database.query(
    `insert into image (id, namespace_id, workspace_id, name, tag, display_name, reference, registry_host, repository,
        size_bytes, layers, origin, type, status, visibility, service_type, dev_services, resource_categories, labels,
        runtime, inputs, outputs, configs, version, last_changes, search_text, search_grams,
        source_build_id, created_by_id, created_at, updated_at)
      select gen_random_uuid(), n.id, w.id, text.name, 'latest', null,
        text.reference, 'docker.io', 'default/' || $1 || i,
        case when i % 3 = 0 then null else (i / 4) * 1000000000::bigint end,
        '[]', 'CUSTOMIZE', 'DEDICATED', 'ACTIVE', $3, 'UNKNOWN', '[]', '[]', '[]',
        '{}', '[]', '[]', '[]', 1, '{}', text.name || E'\\n' || text.reference,
        array(select distinct gram from unnest(array[text.name, text.reference]) line, generate_series(1, length(line)) at,
          unnest(array[substr(line, at, 1), substr(line, at, 2)]) gram),
        $5::uuid, u.id,
        $4::timestamptz + (i / 2) * interval '1 ms', $4::timestamptz - (i / 2) * interval '1 ms'
      from generate_series(1, $2) i
        cross join lateral (select $1 || lpad(i::text, 4, '0') as name, 'docker.io/default/' || $1 || i as reference) text,
        namespace n, workspace w, user_account u
      where n.name = 'default' and w.name = 'default' and u.name = 'admin'`,
    [
      prefix,
      count,
      columns.visibility ?? 'PRIVATE',
      columns.createdAt ?? '2024-01-01T00:00:00Z',
      columns.sourceBuildId ?? null,
    ],
  );
}
