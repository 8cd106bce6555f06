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

/** All that people say about an image, besides what is among {@link IMAGE_FIELDS}. */
export const CONTENT_FIELDS = `group flavorType price cover
  runtime { command args workingDir env { name value } ports { name containerPort nodePort } mounts configFiles
    subPaths { source destination } hostPaths { source destination } cpuRequests gpuRequests memRequests pvcSize }
  inputs { name kind type controls default displayName index }
  outputs { name kind type controls default displayName index }
  configs { name kind type controls default displayName index }
  algorithm {
    factory name type description eventType incidentId tvChannels pictures frameInterval frameNumber useableFlag
  }
  dependencies { reference image { id } }`;

export interface ImagePayload {
  readonly image: (ImageFacts & { readonly version: number }) | null;
  readonly warnings: readonly string[];
  readonly userErrors: readonly UserErrorFacts[];
  readonly clientMutationId: string | null;
}

export interface PurgePayload extends ImagePayload {
  readonly removedFromRegistry: boolean;
}

const mutation = (name: string, more = '') => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  return `mutation ($input: ${type}!) {
    ${name}(input: $input) {
      image { ${IMAGE_FIELDS} version } warnings userErrors { code message path details } clientMutationId ${more}
    }
  }`;
};

export const REGISTER_IMAGE = mutation('registerImage');
export const UPDATE_IMAGE = mutation('updateImage');
export const DELETE_IMAGE = mutation('deleteImage');
export const RESTORE_IMAGE = mutation('restoreImage');
export const PURGE_IMAGE = mutation('purgeImage', 'removedFromRegistry');

const sender =
  <T = ImagePayload>(name: string, query: string) =>
  async (client: ApiClient, input: Record<string, unknown>): Promise<T> =>
    (await client.run<Record<string, T>>(query, { input }))[name] as T;

export const registerImage = sender('registerImage', REGISTER_IMAGE);
export const updateImage = sender('updateImage', UPDATE_IMAGE);
export const deleteImage = sender('deleteImage', DELETE_IMAGE);
export const restoreImage = sender('restoreImage', RESTORE_IMAGE);
export const purgeImage = sender<PurgePayload>('purgeImage', PURGE_IMAGE);

/** What a mutation made or changed. @throws Error with what was wrong where it was refused */
export function imageOf({ image, userErrors }: ImagePayload): NonNullable<ImagePayload['image']> {
  if (image === null) throw new Error(JSON.stringify(userErrors));
  return image;
}

/** Registers an image that must be accepted. */
export async function makeImage(
  client: ApiClient,
  input: Record<string, unknown>,
): Promise<NonNullable<ImagePayload['image']>> {
  return imageOf(await registerImage(client, input));
}

/** An id of the right form, of whatever names nothing where no UUID is given. */
export function globalId(type: string, uid = '11111111-2222-4333-8444-555555555555'): string {
  return Buffer.from(`${type}:${uid}`).toString('base64url');
}

/** How many images there are, deleted ones among them. */
export async function countImages(admin: ApiClient): Promise<number> {
  const { images } = await admin.run<{ images: { totalCount: number } }>(
    '{ images(first: 0, filter: { includeDeleted: true }) { totalCount } }',
  );
  return images.totalCount;
}

/** Some fields of an image, whatever its status. */
export async function readImage<T>(client: ApiClient, id: string, fields: string): Promise<T> {
  const { image } = await client.run<{ image: T }>(`query ($id: ID!) { image(id: $id) { ${fields} } }`, {
    id,
  });
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
