import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { generateAccessToken, hashAccessToken } from '../../src/auth/access-token.ts';

/** Who asks, and the namespaces on which they have the role VIEWER, by a regular expression. */
const VIEWERS = {
  /** All of the catalogue. */
  wide: '.*',
  /** 3 of 50. */
  narrow: 'ns-[1-3]',
  /** The 30 oldest images and builds. */
  library: 'library',
  /** What is public: 2 images of 100. */
  nobody: '',
} as const;
export type Viewer = keyof typeof VIEWERS;

/** @returns a new token of each viewer */
export async function seedViewers(client: pg.Client): Promise<Record<Viewer, string>> {
  const tokens = new Map<string, string>();
  for (const [name, namespaces] of Object.entries(VIEWERS)) {
    const token = generateAccessToken();
    tokens.set(name, token);
    await client.query(
      `insert into user_account (id, name, is_admin, created_at) values ($1, $2, false, now()) on conflict do nothing`,
      [randomUUID(), name],
    );
    await client.query(
      `insert into namespace_member (namespace_id, user_id, role)
        select n.id, u.id, 'VIEWER' from namespace n, user_account u
          where n.name ~ ('^(' || $1 || ')$') and u.name = $2 on conflict do nothing`,
      [namespaces, name],
    );
    await client.query(
      `insert into access_token (id, user_id, name, hash, created_at)
        select $1, id, 'bench', $2, now() from user_account where name = $3`,
      [randomUUID(), hashAccessToken(token), name],
    );
  }
  return Object.fromEntries(tokens) as Record<Viewer, string>;
}
