import type { TestDatabase } from './database.ts';

/**
 * Queues copies of a build that waits, as asking for each would have: row, first version and job, one turn after another.
 *
 * @param uid the build's UUID
 */
export async function queueCopies(database: TestDatabase, uid: string, count: number): Promise<void> {
  await database.query(
    `with copies as (
        insert into image_build select copy.* from image_build original, generate_series(1, $2) n,
          jsonb_populate_record(original, jsonb_build_object('id', gen_random_uuid(), 'job_id', gen_random_uuid(),
            'target_reference', original.target_reference || '-' || n)) copy
        where original.id = $1::uuid returning *
      ), changes as (
        insert into image_build_event select copy.* from copies, image_build_event original,
          jsonb_populate_record(original, jsonb_build_object('build_id', copies.id)) copy
        where original.build_id = $1::uuid
      ), turns as (select id, job_id, row_number() over () as turn from copies)
      insert into pgboss.job select copy.* from turns, pgboss.job original,
        jsonb_populate_record(original, jsonb_build_object('id', turns.job_id,
          'data', jsonb_build_object('buildId', turns.id), 'priority', original.priority - turn)) copy
      where original.data->>'buildId' = $1::uuid::text`,
    [uid, count],
  );
}

/**
 * Copies of a build that has ended, with their versions and logs, which ended `agoMs` ago. (A function that does not depend
 * on `n` would be called once for all of them.)
 *
 * @returns their UUIDs
 */
export async function copyEnded(
  database: TestDatabase,
  uid: string,
  count: number,
  agoMs: number,
): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `with copies as (
        insert into image_build select copy.* from image_build original, generate_series(1, $2) n,
          jsonb_populate_record(original, jsonb_build_object('n', n, 'id', gen_random_uuid(), 'finished_at', $3::timestamptz)) copy
        where original.id = $1::uuid returning id
      ), changes as (
        insert into image_build_event select copy.* from copies, image_build_event original,
          jsonb_populate_record(original, jsonb_build_object('build_id', copies.id)) copy
        where original.build_id = $1::uuid
      ), logs as (
        insert into image_build_log select copy.* from copies, image_build_log original,
          jsonb_populate_record(original, jsonb_build_object('build_id', copies.id)) copy
        where original.build_id = $1::uuid
      )
      select id from copies`,
    [uid, count, new Date(Date.now() - agoMs)],
  );
  return rows.map(({ id }) => id);
}
