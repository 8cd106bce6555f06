import { randomUUID } from 'node:crypto';
import { generateAccessToken, hashAccessToken } from '../../src/auth/access-token.ts';
import { withClient } from '../shared/database.ts';

const NAMESPACE = '00000000-0000-4000-8000-000000000001';
const WORKSPACE = '00000000-0000-4000-8000-000000000002';

/** Adds users who may see the builds of one namespace. @returns a token of each */
export async function openStage(databaseUrl: string, users: number): Promise<string[]> {
  const tokens = Array.from({ length: users }, generateAccessToken);
  await withClient(databaseUrl, async (client) => {
    await client.query(
      `insert into namespace (id, name, created_at, updated_at) values ('${NAMESPACE}', 'live', now(), now()) on conflict do nothing;
      insert into workspace (id, name, is_default, created_at, updated_at) values ('${WORKSPACE}', 'live', false, now(), now()) on conflict do nothing`,
    );
    await client.query(
      `with users as (
        insert into user_account (id, name, is_admin, created_at)
          select gen_random_uuid(), 'viewer-' || n || '-' || gen_random_uuid(), false, now() from generate_series(1, $1::int) n returning id, name
      ), roles as (
        insert into namespace_member (namespace_id, user_id, role) select '${NAMESPACE}', id, 'VIEWER' from users
      )
      insert into access_token (id, user_id, name, hash, can_write, created_at)
        select gen_random_uuid(), id, 'live', ($2::text[])[split_part(name, '-', 2)::int], false, now() from users`,
      [users, tokens.map(hashAccessToken)],
    );
  });
  return tokens;
}

/** Builds that run, without a line. @returns their UUIDs */
export async function insertBuilds(databaseUrl: string, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  await withClient(databaseUrl, async (client) => {
    await client.query(
      `insert into image_build (id, kind, status, version, phase, phases, steps, attempt, lost_workers, workspace_id, namespace_id,
          target_name, target_tag, target_reference, target_labels, pause, visibility, overwrite_tag, timeout_ms, job_id,
          log_line_count, created_at, queued_at, started_at)
        select id, 'DOCKERFILE', 'RUNNING', 1, 'BUILDING', '[]', '[]', 1, 0, '${WORKSPACE}', '${NAMESPACE}',
          'live', 'latest', 'registry.example/live/' || id, '[]', false, 'PRIVATE', false, 3600000, gen_random_uuid(),
          0, now(), now(), now() from unnest($1::uuid[]) id`,
      [ids],
    );
  });
  return ids;
}
