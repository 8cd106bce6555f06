import { sql } from 'kysely';
import type { Db } from '../db/tables.ts';
import { type ImageRegistry, RegistryError } from '../registry/image-registry.ts';
import type { Build } from './build.entity.ts';

/**
 * What the platform's registry says of a tag.
 *
 * - `FREE` also where it denies the look: of a repository that is not there yet some registries do
 * - `UNKNOWN` it does not answer
 */
export type TagState = 'TAKEN' | 'FREE' | 'UNKNOWN';

/** A look takes no longer than this: registries answer it at once, or are away. */
const LOOK_MS = 5000;

export async function tagStateOf(
  registry: ImageRegistry,
  repository: string,
  tag: string,
  caller?: AbortSignal,
): Promise<TagState> {
  const deadline = AbortSignal.timeout(LOOK_MS);
  const signal = caller === undefined ? deadline : AbortSignal.any([caller, deadline]);
  try {
    return (await registry.manifest(repository, tag, { signal })) === null ? 'FREE' : 'TAKEN';
  } catch (error) {
    caller?.throwIfAborted();
    if (deadline.aborted) return 'UNKNOWN';
    if (!(error instanceof RegistryError)) throw error;
    // What is no image has the tag all the same.
    if (error.reason === 'PROTOCOL') return 'TAKEN';
    return error.reason === 'DENIED' ? 'FREE' : 'UNKNOWN';
  }
}

/**
 * May a tag be the build's own, from a push that nobody noted down? That of an earlier attempt, or of a build that it tries
 * once more.
 */
export async function mayHavePushed(
  db: Db,
  { id: buildId, retryOfId }: Pick<Build, 'id' | 'retryOfId'>,
  attempt: number,
): Promise<boolean> {
  if (attempt <= 1 && retryOfId === null) return false;
  const { rows } = await sql<{ pushed: boolean }>`
    with recursive line (id, retry_of_id) as (
      select id, retry_of_id from image_build where id = ${buildId}
      union all
      select earlier.id, earlier.retry_of_id from image_build earlier join line on earlier.id = line.retry_of_id
    )
    select exists (
      select from image_build_event event join line on line.id = event.build_id
      where event.state->>'phase' = 'PUSHING'
        and (event.build_id <> ${buildId} or (event.state->>'attempt')::int < ${attempt})
    ) as pushed`.execute(db);
  return rows[0]?.pushed ?? false;
}
