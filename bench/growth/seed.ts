import type pg from 'pg';
import { insertInParts, runSideBySide, withoutIndexes } from '../shared/bulk.ts';
import { type BenchDatabase, withClient } from '../shared/database.ts';
import { GRAMS, hash, LABELS, LAYERS, pick, REFERRED, REGISTRY, RUNTIME } from '../shared/image-sql.ts';

/** Words of which texts are made, and how many of 10,000 images have them. */
const LATIN = [
  ['pytorch', 3000],
  ['tensorflow', 1500],
  ['inference', 900],
  ['segmentation', 300],
  ['transcode', 100],
  ['zygomatic', 2],
] as const;
const CHINESE = [
  ['图像', 3000],
  ['训练', 900],
  ['转码', 100],
  ['鬱金', 2],
] as const;
/** Only the oldest images have this, as few in any catalogue: a walk from the newest would pass by everything before it meets one. */
const OLDEST = 'legacy';

export const NAMESPACES = 50;
const WORKSPACES = 20;
/** Images that are made one by one; those after them are later versions of these, with the same texts under other tags. */
const NAMES = 10_000;
/** How many of the oldest images have {@link OLDEST}. */
const OLD = 200;
/** Builds that wait or run, whatever the number of those that have ended. */
const UNFINISHED = 60;
/** Rows of the one build with a long log, each of {@link LINES_PER_ROW} lines; the others have one row. */
const LONG_LOG_SHARE = 0.1;
const LINES_PER_ROW = 20;
const GROWING = ['image', 'image_dependency', 'image_build', 'image_build_event', 'image_build_log'] as const;

/** The comment on the table `image` of a database that is filled to the end. */
const SEEDED = 'seeded';

/** The id of the thing of this kind at place `i`. */
const idOf = (kind: 'image' | 'build', i = 'i') => `md5(${i} || '${kind}')::uuid`;

/**
 * Fills a migrated database by bulk SQL: images in 50 namespaces and 20 workspaces with the texts, labels and dependencies of a
 * catalogue that grew over two years, as many builds, and their events and logs. Of each kind there are as many in a hundred whatever
 * the size is, except for builds that are not finished, and for the namespace `library`: it has the 30 oldest images and builds, and
 * its members see nothing else but what is public. What an earlier run has filled to the end is taken as it is.
 *
 * @throws Error an earlier run has ended before
 */
export async function seedGrowth({ adminUrl }: BenchDatabase, size: number): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const { rows } = await client.query<{ state: string | null }>(
      "select obj_description('image'::regclass, 'pg_class') as state",
    );
    if (rows[0]?.state === SEEDED) return;
    await client.query(SCOPES);
    await withoutIndexes(adminUrl, GROWING, async () => {
      const insert = async (places: number, statement: string) =>
        await insertInParts(adminUrl, places, statement.replaceAll('SIZE', String(size)));
      await insert(NAMES, IMAGES);
      await insert(size - NAMES, await versionsStatement(client));
      for (const statement of [DEPENDENCIES, BUILDS, EVENTS, LOGS]) await insert(size, statement);
      await client.query(LONG_LOG.replaceAll('SIZE', String(size)));
    });
    // There is nothing to clean up in the indexes.
    await runSideBySide(
      adminUrl,
      '',
      GROWING.map((table) => [`vacuum (analyze, index_cleanup off) ${table}`]),
    );
    await client.query('vacuum analyze user_account, namespace, workspace');
    await client.query(`comment on table image is '${SEEDED}'`);
  });
}

const SCOPES = `
  insert into user_account (id, name, is_admin, created_at) values (gen_random_uuid(), 'admin', true, now()) on conflict do nothing;
  insert into namespace (id, name, created_at, updated_at)
    select gen_random_uuid(), name, now(), now()
    from (select 'ns-' || i as name from generate_series(0, ${NAMESPACES - 1}) i union all select 'library') named;
  insert into workspace (id, name, is_default, created_at, updated_at)
    select gen_random_uuid(), name, false, now(), now()
    from (select 'ws-' || i as name from generate_series(0, ${WORKSPACES - 1}) i union all select 'library') named`;

/** The places `i` of a part, with the namespace and the workspace of each. */
const PLACES = `generate_series($1::int, $2::int) i
  join namespace n on n.name = case when i <= 30 then 'library' else 'ns-' || ${hash('namespace', NAMESPACES)} end
  join workspace w on w.name = case when i <= 30 then 'library' else 'ws-' || ${hash('workspace', WORKSPACES)} end
  join user_account u on u.name = 'admin'`;

const CREATED_AT = "now() - (SIZE - i) * interval '1 minute'";
const UPDATED_AT = `now() - ${hash('updated', 1_000_000)} * interval '1 minute'`;
const SIZE_BYTES = `${hash('size', 8000)} * 1000000::bigint`;
const VISIBILITY = `case when i > 30 and ${hash('visibility', 100)} < 2 then 'PUBLIC' else 'PRIVATE' end`;
/** The place of the first image of its name, none of the oldest where there are several; and what the tags of later ones end in. */
const FIRST = `case when i <= ${NAMES} then i else ${OLD} + 1 + (i - ${NAMES} - 1) % (${NAMES} - ${OLD}) end`;
const VERSION = `case when i <= ${NAMES} then '' else '.' || 1 + (i - ${NAMES} - 1) / (${NAMES} - ${OLD}) end`;

const IMAGES = `
  insert into image (id, namespace_id, workspace_id, name, tag, display_name, description, reference, registry_host,
      repository, digest, size_bytes, layers, architecture, origin, type, status, visibility, service_type, dev_services,
      resource_categories, labels, work_group, runtime, inputs, outputs, configs, algorithm, version, last_changes,
      search_text, search_grams, source_build_id, created_by_id, created_at, updated_at, deleted_at, status_before)
    select ${idOf('image')}, n.id, w.id, text.name, text.tag, text.display_name, text.description, referred.reference,
      '${REGISTRY}', n.name || '/' || text.name, text.digest, ${SIZE_BYTES},
      ${LAYERS},
      case ${hash('architecture', 10)} when 0 then 'AARCH64' when 1 then null else 'X86_64' end,
      case when text.built then 'BUILD' else 'CUSTOMIZE' end,
      case when i % 500 = 0 then 'BUILD_IN' else 'DEDICATED' end,
      case when text.deleted then 'DELETED' when i % 200 = 1 then 'ERROR' else 'ACTIVE' end,
      ${VISIBILITY},
      (array['COMMON', 'INFERENCE', 'TRAIN', 'DEV', 'UNKNOWN'])[1 + ${hash('service', 5)}], '["NOTEBOOK", "SSH"]',
      case when i % 1000 = 0 then '["ASCEND"]' when ${hash('gpu', 3)} = 0 then '["GPU", "CPU"]' else '["CPU"]' end::jsonb,
      ${LABELS},
      'group-' || ${hash('group', 200)},
      ${RUNTIME},
      '[]', '[]', '[]', jsonb_build_object('name', text.algorithm, 'factory', text.vendor), 1, '{}', searched.text,
      ${GRAMS},
      case when text.built then ${idOf('build')} end, u.id, ${CREATED_AT}, ${UPDATED_AT},
      case when text.deleted then now() end, case when text.deleted then 'ACTIVE' end
    from ${PLACES}
      cross join lateral (select i > 30 and ${hash('deleted', 20)} = 0 as deleted, ${hash('origin', 10)} = 1 as built,
        'image-' || md5(i || 'name') as name, 'v' || i % 10 || '.' || i % 7 as tag,
        'sha256:' || md5(i::text) || md5(i || 'digest') as digest,
        'algorithm-' || ${hash('algorithm', 500)} as algorithm, '厂商' || ${hash('vendor', 30)} as vendor,
        ${pick(CHINESE, 'name')} || '镜像' || i as display_name,
        ${pick(LATIN, 'text')} || ${pick(CHINESE, 'text')} || case when i <= ${OLD} then '${OLDEST} ' else '' end
          || 'release ' || i as description) text
      ${REFERRED}`;

/** Each row anew with its own id, tag, scopes and times: its texts and grams, which take most of the time, are those of its first version. */
async function versionsStatement(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ column_name: string }>(
    "select column_name from information_schema.columns where table_name = 'image'",
  );
  const columns = rows.map(({ column_name }) => column_name);
  const own: Record<string, string> = {
    id: idOf('image'),
    namespace_id: 'n.id',
    workspace_id: 'w.id',
    tag: `first.tag || ${VERSION}`,
    reference: `first.reference || ${VERSION}`,
    size_bytes: SIZE_BYTES,
    visibility: VISIBILITY,
    labels: `jsonb_set(first.labels, '{1,value}', to_jsonb(i::text))`,
    source_build_id: `case when first.origin = 'BUILD' then ${idOf('build')} end`,
    created_at: CREATED_AT,
    updated_at: UPDATED_AT,
  };
  return `insert into image (${columns.join(', ')})
    select ${columns.map((column) => own[column] ?? `first.${column}`).join(', ')}
    from ${PLACES.replace('generate_series($1::int, $2::int) i', `(select place + ${NAMES} as i from generate_series($1::int, $2::int) place) later`)}
      join image first on first.id = ${idOf('image', FIRST)}`;
}

/** Each image needs two that are older. */
const DEPENDENCIES = `
  insert into image_dependency (image_id, position, reference, namespace, name, tag)
    select ${idOf('image', 'needing')}, position, scope || '/' || name || ':' || tag, scope, name, tag
    from generate_series($1::int, $2::int) needing, generate_series(0, 1) position,
      lateral (select 1 + (hashtext(needing || 'needs' || position) & 2147483647) % needing as i) target,
      lateral (select ${FIRST} as first) named,
      lateral (select 'image-' || md5(first || 'name') as name,
        'v' || first % 10 || '.' || first % 7 || ${VERSION} as tag,
        case when i <= 30 then 'library' else 'ns-' || ${hash('namespace', NAMESPACES)} end as scope) place`;

const STATUS = `case when i > SIZE - ${UNFINISHED / 6} then 'RUNNING' when i > SIZE - ${UNFINISHED} then 'QUEUED'
  when ${hash('status', 10_000)} < 1 then 'EXPIRED' when ${hash('status', 10_000)} < 10 then 'TIMED_OUT'
  when ${hash('status', 10_000)} < 1000 then 'FAILED' else 'SUCCEEDED' end`;

const BUILDS = `
  insert into image_build (id, kind, status, version, phase, phases, steps, total_steps, attempt, lost_workers, workspace_id,
      namespace_id, image_id, target_name, target_tag, target_reference, target_labels, dockerfile, build_type, pause, visibility,
      overwrite_tag, timeout_ms, job_id, builder, log_line_count, log_bytes, log_text_bytes, created_by_id, created_at, queued_at,
      started_at, finished_at)
    select ${idOf('build')}, 'DOCKERFILE', status, 1, null, '[]',
      jsonb_build_array(jsonb_build_object('number', 1, 'stage', null, 'name', 'RUN true', 'line', 2, 'status', 'SUCCEEDED',
        'cached', false, 'startedAt', at, 'finishedAt', at, 'error', null)), 1, 1, 0, w.id, n.id,
      case when status = 'SUCCEEDED' then ${idOf('image')} end, 'image-' || md5(i || 'name'), 'v1',
      '127.0.0.1:5000/' || n.name || '/' || i || ':v1', '[]', E'FROM base\\nRUN true', 'DOCKERFILE', true, 'PRIVATE', false, 3600000,
      gen_random_uuid(), 'CLASSIC', lines, lines * 11, lines * 11, u.id, at, at,
      case when status <> 'QUEUED' then at end,
      case when status not in ('QUEUED', 'RUNNING') then at + interval '30 seconds' end
    from ${PLACES}, lateral (select ${STATUS} as status, ${CREATED_AT} as at,
      case when i = 1 then ceil(SIZE * ${LONG_LOG_SHARE}) else 1 end * ${LINES_PER_ROW} as lines) build`;

const EVENTS = `
  insert into image_build_event (build_id, version, at, state)
    select ${idOf('build')}, 1, ${CREATED_AT}, '{"status": "QUEUED"}' from generate_series($1::int, $2::int) i`;

const ROW_DATA = `convert_to(repeat('a log line.', ${LINES_PER_ROW}), 'UTF8')`;
const ROW_LINES = `(select jsonb_agg(jsonb_build_array(11, 1700000000000, 0, 1, 0)) from generate_series(1, ${LINES_PER_ROW}))`;

const LOGS = `
  insert into image_build_log (build_id, first_seq, last_seq, byte_offset, text_offset, data, lines)
    select ${idOf('build')}, 1, ${LINES_PER_ROW}, 0, 0, ${ROW_DATA}, ${ROW_LINES}
    from generate_series($1::int, $2::int) i where i > 1`;

const LONG_LOG = `
  insert into image_build_log (build_id, first_seq, last_seq, byte_offset, text_offset, data, lines)
    select ${idOf('build', '1')}, row * ${LINES_PER_ROW} + 1, (row + 1) * ${LINES_PER_ROW}, row * 12 * ${LINES_PER_ROW},
      row * 12 * ${LINES_PER_ROW}, ${ROW_DATA}, ${ROW_LINES}
    from generate_series(0, ceil(SIZE * ${LONG_LOG_SHARE})::bigint - 1) row`;
