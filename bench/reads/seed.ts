import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { generateAccessToken, hashAccessToken } from '../../src/auth/access-token.ts';
import { insertInParts, withoutIndexes } from '../shared/bulk.ts';
import { type BenchDatabase, withClient } from '../shared/database.ts';
import { GRAMS, hash, LABELS, LAYERS, pick, REFERRED, REGISTRY, RUNTIME } from '../shared/image-sql.ts';

/** Words of which texts are made, and how many of 10,000 images have them. */
const WORDS = [
  ['pytorch', 3000],
  ['tensorflow', 1500],
  ['inference', 900],
  ['segmentation', 300],
  ['图像', 3000],
  ['模型', 1500],
  ['训练', 900],
] as const;

const NAMESPACES = 50;
const WORKSPACES = 20;
const BUILDS_PER_IMAGE = 3;
/** Every so many builds have a log, of so many lines. */
const BUILDS_PER_LOG = 100;
const LOG_LINES = 100;

/**
 * Fills a migrated database by bulk SQL: images of a catalogue that grew over two years, with their builds and logs. What an earlier
 * run has left is taken as it is.
 *
 * @throws Error an earlier run has left another number of images
 */
export async function seed({ adminUrl }: BenchDatabase, images: number): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const { rows } = await client.query<{ count: number }>('select count(*)::int as count from image');
    const found = rows[0]?.count ?? 0;
    if (found === images) return;
    if (found > 0) throw new Error(`there are ${found} images: ask for as many, or for another folder`);
    await client.query(SCOPES);
    await withoutIndexes(adminUrl, ['image', 'image_build'], async () => {
      await insertInParts(adminUrl, images, IMAGES.replaceAll('SIZE', String(images)));
      await insertInParts(adminUrl, images, BUILDS);
      await client.query(LOGS);
    });
    await client.query('vacuum analyze');
    await client.query('checkpoint');
  });
}

/** Users with the role VIEWER on all namespaces. @returns a new access token of each */
export async function seedMembers(client: pg.Client, count: number): Promise<string[]> {
  const tokens = Array.from({ length: count }, generateAccessToken);
  for (const [index, token] of tokens.entries()) {
    const name = `bench-member-${index}`;
    await client.query(
      `insert into user_account (id, name, is_admin, created_at) values ($1, $2, false, now()) on conflict do nothing`,
      [randomUUID(), name],
    );
    await client.query(
      `insert into namespace_member (namespace_id, user_id, role)
        select n.id, u.id, 'VIEWER' from namespace n, user_account u where u.name = $1 on conflict do nothing`,
      [name],
    );
    await client.query(
      `insert into access_token (id, user_id, name, hash, created_at)
        select $1, id, 'bench', $2, now() from user_account where name = $3`,
      [randomUUID(), hashAccessToken(token), name],
    );
  }
  await client.query('vacuum analyze user_account, namespace_member, access_token');
  return tokens;
}

const SCOPES = `
  insert into user_account (id, name, is_admin, created_at) values (gen_random_uuid(), 'admin', true, now()) on conflict do nothing;
  insert into namespace (id, name, display_name, created_at, updated_at)
    select gen_random_uuid(), 'ns-' || i, 'Namespace ' || i, now(), now() from generate_series(0, ${NAMESPACES - 1}) i;
  insert into workspace (id, name, is_default, created_at, updated_at)
    select gen_random_uuid(), 'ws-' || i, false, now(), now() from generate_series(0, ${WORKSPACES - 1}) i`;

const TEXT = pick(WORDS);

const IMAGES = `
  insert into image (id, namespace_id, workspace_id, name, tag, display_name, description, reference, registry_host,
      repository, digest, size_bytes, layers, architecture, origin, type, status, visibility, service_type, dev_services,
      resource_categories, labels, work_group, runtime, inputs, outputs, configs, algorithm, version, last_changes,
      search_text, search_grams, created_by_id, created_at, updated_at, deleted_at, status_before)
    select gen_random_uuid(), n.id, w.id, text.name, text.tag, text.display_name, text.description, referred.reference,
      '${REGISTRY}', n.name || '/' || text.name, text.digest, ${hash('size', 8000)} * 1000000::bigint,
      ${LAYERS},
      'X86_64', 'CUSTOMIZE', 'DEDICATED',
      case when text.deleted then 'DELETED' when i % 200 = 1 then 'ERROR' else 'ACTIVE' end,
      case when ${hash('visibility', 10)} < 3 then 'PUBLIC' else 'PRIVATE' end,
      'TRAIN', '["NOTEBOOK", "SSH"]', '["GPU", "CPU"]',
      ${LABELS},
      'group-' || ${hash('group', 200)},
      ${RUNTIME},
      '[]', '[]', '[]', jsonb_build_object('name', text.algorithm, 'factory', text.vendor), 1, '{}', searched.text,
      ${GRAMS},
      u.id, now() - (SIZE - i) * interval '10 minutes', now() - ${hash('updated', 1_000_000)} * interval '1 minute',
      case when text.deleted then now() end, case when text.deleted then 'ACTIVE' end
    from generate_series($1::int, $2::int) i
      cross join lateral (select ${hash('deleted', 20)} = 0 as deleted, 'image-' || md5(i || 'name') as name,
        'v' || i % 10 || '.' || i % 7 as tag, 'sha256:' || md5(i::text) || md5(i || 'digest') as digest,
        'algorithm-' || ${hash('algorithm', 500)} as algorithm, '厂商' || ${hash('vendor', 30)} as vendor,
        '镜像' || i as display_name, ${TEXT} || 'release ' || md5(i || 'description') as description) text
      join namespace n on n.name = 'ns-' || ${hash('namespace', NAMESPACES)}
      join workspace w on w.name = 'ws-' || ${hash('workspace', WORKSPACES)}
      join user_account u on u.name = 'admin'
      ${REFERRED}`;

/** All of them are finished. */
const BUILDS = `
  insert into image_build (id, kind, status, version, phases, steps, total_steps, attempt, lost_workers, workspace_id,
      namespace_id, image_id, target_name, target_tag, target_reference, target_labels, dockerfile, build_type, source, pause,
      visibility, overwrite_tag, timeout_ms, job_id, builder, log_line_count, log_bytes, log_text_bytes, created_by_id, created_at,
      queued_at, started_at, finished_at)
    select gen_random_uuid(), 'DOCKERFILE', case when number % 10 = 0 then 'FAILED' else 'SUCCEEDED' end, 9, '[]',
      jsonb_build_array(jsonb_build_object('number', 1, 'stage', null, 'name', 'FROM base', 'line', 1, 'status', 'SUCCEEDED',
        'cached', true, 'startedAt', null, 'finishedAt', null, 'error', null)), 1, 1, 0, workspace_id, namespace_id, id, name, tag,
      reference, '[]', 'FROM base' || repeat(E'\\nRUN true', 20), 'CUSTOM_DOCKERFILE',
      '{"buildArgs": {}, "files": [], "target": null, "noCache": false}', false, visibility, false, 3600000, gen_random_uuid(),
      'BUILDKIT', lines, lines * 33, lines * 33, created_by_id, at, at, at + interval '1 second', at + interval '1 minute'
    from (select *, row_number() over (order by created_at, id) as place from image) image
      cross join generate_series(1, ${BUILDS_PER_IMAGE}) i
      cross join lateral (select place * ${BUILDS_PER_IMAGE} + i as number, created_at + i * interval '3 minutes' as at) one
      cross join lateral (select case when number % ${BUILDS_PER_LOG} = 0 then ${LOG_LINES} else 0 end as lines) logged
    where place between $1::int and $2::int`;

const LOGS = `
  insert into image_build_log (build_id, first_seq, last_seq, byte_offset, text_offset, data, lines)
    select id, 1, log_line_count, 0, 0, convert_to(repeat(md5(id::text), log_line_count::int), 'UTF8'),
      (select jsonb_agg(jsonb_build_array(32, (extract(epoch from build.created_at) * 1000)::bigint + line, 0, 1, 0))
        from generate_series(1, build.log_line_count) line)
    from image_build build where log_line_count > 0`;
