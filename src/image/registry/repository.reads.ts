import { sql } from 'kysely';
import type { Session } from '../../auth/session.ts';
import type { Db } from '../../db/tables.ts';
import { readableImages } from '../filter/image-filter.reads.ts';

/** Those of these repositories of one registry that hold a live image which the viewer may read. */
export async function readableRepositories(
  db: Db,
  session: Session,
  registryHost: string,
  repositories: readonly string[],
): Promise<string[]> {
  const rows = await db
    .selectFrom('Image as image')
    .select('image.repository')
    .distinct()
    .where(readableImages(session))
    .where(sql<boolean>`image.registry_host = ${registryHost}
      and image.repository = any(${[...repositories]}::text[])
      and image.status not in ('DELETED', 'CREATE_FAILED')`)
    .execute();
  return rows.map(({ repository }) => repository);
}
