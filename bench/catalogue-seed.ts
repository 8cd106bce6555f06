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

export const NAMESPACES = 50;

/**
 * Fills a migrated database that has its user `admin`: images in 50 namespaces and 20 workspaces with the texts, labels and
 * dependencies of a catalogue that grew over two years, by bulk SQL.
 */
export async function seedCatalogue(client: pg.Client, images: number): Promise<void> {
  await client.query(`
    insert into namespace (id, name, created_at, updated_at)
      select gen_random_uuid(), 'ns-' || i, now(), now() from generate_series(1, ${NAMESPACES}) i;
    insert into workspace (id, name, is_default, created_at, updated_at)
      select gen_random_uuid(), 'ws-' || i, false, now(), now() from generate_series(1, 20) i`);
  const pick = (words: readonly (readonly [string, number])[]) =>
    words
      .map(([word, share], index) => `case when hash(i, '${index}${word}') % 10000 < ${share} then '${word} ' else '' end`)
      .join(' || ');
  await client.query(`
    create function pg_temp.hash(i int, salt text) returns int language sql immutable
      as $$ select abs(hashtext(i || salt)) $$`);
  const withHash = (text: string) => text.replaceAll('hash(', 'pg_temp.hash(');
  await client.query(
    withHash(`
    insert into image (id, namespace_id, workspace_id, name, tag, display_name, description, reference, registry_host,
        repository, digest, size_bytes, layers, architecture, origin, type, status, visibility, service_type, dev_services,
        resource_categories, labels, work_group, runtime, inputs, outputs, configs, algorithm, version, last_changes,
        search_text, search_grams, created_by_id, created_at, updated_at, deleted_at, status_before)
      select gen_random_uuid(), n.id, w.id, text.name, text.tag, text.display_name, text.description,
        referred.reference, 'registry.example', n.name || '/' || text.name, 'sha256:' || md5(i::text) || md5(text.name),
        (hash(i, 'size') % 8000) * 1000000::bigint,
        jsonb_build_array(jsonb_build_object('digest', 'sha256:' || md5(i::text) || md5(text.name), 'sizeBytes', i,
          'mediaType', 'application/vnd.oci.image.layer.v1.tar+gzip')),
        case hash(i, 'arch') % 10 when 0 then 'AARCH64' when 1 then null else 'X86_64' end,
        case hash(i, 'origin') % 10 when 0 then 'IMAGE_SAVE' when 1 then 'BUILD' else 'CUSTOMIZE' end,
        case when i % 500 = 0 then 'BUILD_IN' else 'DEDICATED' end,
        case when text.deleted then 'DELETED' when i % 200 = 1 then 'ERROR' else 'ACTIVE' end,
        case when hash(i, 'public') % 10 < 3 then 'PUBLIC' else 'PRIVATE' end,
        (array['COMMON', 'INFERENCE', 'TRAIN', 'DEV', 'UNKNOWN'])[1 + hash(i, 'service') % 5],
        '["NOTEBOOK", "SSH"]',
        case when hash(i, 'gpu') % 3 = 0 then '["GPU", "CPU"]' when i % 1000 = 0 then '["ASCEND"]' else '["CPU"]' end::jsonb,
        jsonb_build_array(jsonb_build_object('key', 'team', 'value', 't' || hash(i, 'team') % 40),
          jsonb_build_object('key', 'build', 'value', i::text)),
        'group-' || hash(i, 'group') % 200,
        jsonb_build_object('command', '[]'::jsonb, 'args', '[]'::jsonb, 'workingDir', null, 'env',
          jsonb_build_array(jsonb_build_object('name', 'FRAME_INTERVAL', 'value', '1000')), 'ports', jsonb_build_array(
          jsonb_build_object('name', 'service', 'containerPort', 8888, 'nodePort', null)), 'mounts', '[]'::jsonb,
          'configFiles', '[]'::jsonb, 'subPaths', '[]'::jsonb, 'hostPaths', '[]'::jsonb, 'cpuRequests', 1000,
          'gpuRequests', null, 'memRequests', 1024, 'pvcSize', null),
        '[]', '[]', '[]', jsonb_build_object('name', text.algorithm, 'factory', '厂商' || hash(i, 'factory') % 30),
        1, '{}', '', '{}', u.id, now() - ($1 - i) * interval '10 minutes',
        now() - ($1 - hash(i, 'updated') % $1) * interval '10 minutes', case when text.deleted then now() end,
        case when text.deleted then 'ACTIVE' end
      from generate_series(1, $1::int) i
        cross join lateral (select hash(i, 'deleted') % 20 = 0 as deleted, 'image-' || md5(i || 'name') as name,
          'v' || i % 10 || '.' || i % 7 as tag, 'algorithm-' || hash(i, 'algorithm') % 500 as algorithm,
          ${pick(CHINESE)} || '镜像' || i as display_name,
          ${pick(LATIN)} || ${pick(CHINESE)} || case when i <= $1 / 50 then '${OLDEST.join(' ')} ' else '' end
            || 'release ' || md5(i || 'description') as description) text
        join namespace n on n.name = 'ns-' || 1 + hash(i, 'namespace') % ${NAMESPACES}
        cross join lateral (select 'registry.example/' || n.name || '/' || text.name || ':' || text.tag as reference) referred
        join workspace w on w.name = 'ws-' || 1 + hash(i, 'workspace') % 20
        join user_account u on u.name = 'admin'`),
    [images],
  );
  // As the rules of searching write them.
  await client.query(`
    update image set search_text = lower(normalize(concat_ws(E'\\n', name, display_name, description, reference,
      algorithm ->> 'name', algorithm ->> 'factory'), NFKC));
    update image set search_grams = array(select distinct gram from regexp_split_to_table(search_text, E'\\n') line,
      generate_series(1, length(line)) at, unnest(array[substr(line, at, 1), substr(line, at, 2)]) gram)`);
  await client.query(`
    insert into image_dependency (image_id, position, reference, namespace, name, tag)
      select image.id, needed.at, namespace.name || '/' || target.name || ':' || target.tag, namespace.name, target.name,
          target.tag
        from (select id, row_number() over (order by created_at, id) as at from image) image
        join generate_series(0, 2) needed(at) on true
        join (select *, row_number() over (order by created_at, id) as at from image) target
          on target.at = 1 + abs(hashtext(image.at || 'needs' || needed.at)) % image.at
        join namespace on namespace.id = target.namespace_id
      on conflict do nothing`);
  await client.query('vacuum (full, analyze) image');
  await client.query('vacuum analyze');
}
