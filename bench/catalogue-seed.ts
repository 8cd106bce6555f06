import type pg from 'pg';

/** Words of which texts are made, and how many of 10,000 images have them. */
const LATIN = [
  ['pytorch', 3000],
  ['tensorflow', 1500],
  ['detection', 1200],
  ['inference', 900],
  ['segmentation', 300],
  ['transcode', 100],
  ['posterize', 30],
  ['zygomatic', 2],
] as const;
const CHINESE = [
  ['图像', 3000],
  ['模型', 1500],
  ['训练', 900],
  ['识别', 300],
  ['转码', 100],
  ['抽帧', 30],
  ['鬱金', 2],
] as const;
/** Only the oldest images have these: a walk from the newest would pass by everything before it meets one. */
const OLDEST = ['legacy', '旧版'] as const;

const NAMESPACES = 50;
const WORKSPACES = 20;

/** A number of an image, the same in every run: SQL on its place `i` in the catalogue. */
const hash = (salt: string, below: number) => `(hashtext(i || '${salt}') & 2147483647) % ${below}`;

/** Each word in the share of the images that it should have. */
const pick = (words: readonly (readonly [string, number])[], salt: string) =>
  words
    .map(
      ([word, share]) => `case when ${hash(`${salt}${word}`, 10_000)} < ${share} then '${word} ' else '' end`,
    )
    .join(' || ');

/**
 * Fills a migrated database that has its user `admin`: images in 50 namespaces and 20 workspaces with the texts, labels and
 * dependencies of a catalogue that grew over two years, by bulk SQL.
 */
export async function seedCatalogue(client: pg.Client, images: number): Promise<void> {
  await client.query(`
    insert into namespace (id, name, created_at, updated_at)
      select gen_random_uuid(), 'ns-' || i, now(), now() from generate_series(0, ${NAMESPACES - 1}) i;
    insert into workspace (id, name, is_default, created_at, updated_at)
      select gen_random_uuid(), 'ws-' || i, false, now(), now() from generate_series(0, ${WORKSPACES - 1}) i`);
  // What is searched is written as the rules of searching write it.
  await client.query(
    `insert into image (id, namespace_id, workspace_id, name, tag, display_name, description, reference, registry_host,
        repository, digest, size_bytes, layers, architecture, origin, type, status, visibility, service_type, dev_services,
        resource_categories, labels, work_group, runtime, inputs, outputs, configs, algorithm, version, last_changes,
        search_text, search_grams, created_by_id, created_at, updated_at, deleted_at, status_before)
      select gen_random_uuid(), n.id, w.id, text.name, text.tag, text.display_name, text.description, referred.reference,
        'registry.example', n.name || '/' || text.name, text.digest, ${hash('size', 8000)} * 1000000::bigint,
        jsonb_build_array(jsonb_build_object('digest', text.digest, 'sizeBytes', i,
          'mediaType', 'application/vnd.oci.image.layer.v1.tar+gzip')),
        case ${hash('architecture', 10)} when 0 then 'AARCH64' when 1 then null else 'X86_64' end,
        case ${hash('origin', 10)} when 0 then 'IMAGE_SAVE' when 1 then 'BUILD' else 'CUSTOMIZE' end,
        case when i % 500 = 0 then 'BUILD_IN' else 'DEDICATED' end,
        case when text.deleted then 'DELETED' when i % 200 = 1 then 'ERROR' else 'ACTIVE' end,
        case when ${hash('visibility', 10)} < 3 then 'PUBLIC' else 'PRIVATE' end,
        (array['COMMON', 'INFERENCE', 'TRAIN', 'DEV', 'UNKNOWN'])[1 + ${hash('service', 5)}], '["NOTEBOOK", "SSH"]',
        case when i % 1000 = 0 then '["ASCEND"]' when ${hash('gpu', 3)} = 0 then '["GPU", "CPU"]' else '["CPU"]' end::jsonb,
        jsonb_build_array(jsonb_build_object('key', 'team', 'value', 't' || ${hash('team', 40)}),
          jsonb_build_object('key', 'number', 'value', i::text)),
        'group-' || ${hash('group', 200)},
        jsonb_build_object('command', '[]'::jsonb, 'args', '[]'::jsonb, 'workingDir', null, 'env',
          jsonb_build_array(jsonb_build_object('name', 'FRAME_INTERVAL', 'value', '1000')), 'ports', jsonb_build_array(
          jsonb_build_object('name', 'service', 'containerPort', 8888, 'nodePort', null)), 'mounts', '[]'::jsonb,
          'configFiles', '[]'::jsonb, 'subPaths', '[]'::jsonb, 'hostPaths', '[]'::jsonb, 'cpuRequests', 1000,
          'gpuRequests', null, 'memRequests', 1024, 'pvcSize', null),
        '[]', '[]', '[]', jsonb_build_object('name', text.algorithm, 'factory', text.vendor), 1, '{}', searched.text,
        array(select distinct gram from regexp_split_to_table(searched.text, E'\\n') line, generate_series(1, length(line)) at,
          unnest(array[substr(line, at, 1), substr(line, at, 2)]) gram),
        u.id, now() - ($1 - i) * interval '10 minutes', now() - ${hash('updated', 1_000_000)} * interval '1 minute',
        case when text.deleted then now() end, case when text.deleted then 'ACTIVE' end
      from generate_series(1, $1::int) i
        cross join lateral (select ${hash('deleted', 20)} = 0 as deleted, 'image-' || md5(i || 'name') as name,
          'v' || i % 10 || '.' || i % 7 as tag, 'sha256:' || md5(i::text) || md5(i || 'digest') as digest,
          'algorithm-' || ${hash('algorithm', 500)} as algorithm, '厂商' || ${hash('vendor', 30)} as vendor,
          ${pick(CHINESE, 'name')} || '镜像' || i as display_name,
          ${pick(LATIN, 'text')} || ${pick(CHINESE, 'text')} || case when i <= $1 / 50 then '${OLDEST.join(' ')} ' else '' end
            || 'release ' || md5(i || 'description') as description) text
        join namespace n on n.name = 'ns-' || ${hash('namespace', NAMESPACES)}
        join workspace w on w.name = 'ws-' || ${hash('workspace', WORKSPACES)}
        join user_account u on u.name = 'admin'
        cross join lateral (select 'registry.example/' || n.name || '/' || text.name || ':' || text.tag as reference) referred
        cross join lateral (select lower(normalize(concat_ws(E'\\n', text.name, text.display_name, text.description,
          referred.reference, text.algorithm, text.vendor), NFKC)) as text) searched`,
    [images],
  );
  // Each needs three that are older.
  await client.query(`
    with numbered as (select image.*, row_number() over (order by created_at, id) as i from image)
    insert into image_dependency (image_id, position, reference, namespace, name, tag)
      select needing.id, position, n.name || '/' || target.name || ':' || target.tag, n.name, target.name, target.tag
        from (select id, i from numbered) needing cross join generate_series(0, 2) position
          join numbered target on target.i = 1 + (hashtext(needing.i || 'needs' || position) & 2147483647) % needing.i
          join namespace n on n.id = target.namespace_id`);
  await client.query('vacuum (full, analyze) image');
  await client.query('vacuum analyze');
}
