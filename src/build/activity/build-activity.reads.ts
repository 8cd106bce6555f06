import { sql } from 'kysely';
import type { Db } from '../../db/tables.ts';
import { type BuildRow, buildRows } from '../build.reads.ts';
import { type BuildState, withState } from '../build.rules.ts';

/** Names one change of one build. */
export interface ChangeKey {
  readonly buildId: string;
  readonly version: number;
  readonly at: Date;
}

/** A build as it was when it changed. */
export interface BuildChange {
  readonly version: number;
  readonly at: Date;
  readonly build: BuildRow;
  readonly namespaceName: string;
}

/** The changes of all builds that are dated after `since`, by their dates. */
export async function changesSince(db: Db, since: Date): Promise<ChangeKey[]> {
  return await db
    .selectFrom('BuildEvent')
    .select(['buildId', 'version', 'at'])
    .where('at', '>', since)
    .orderBy('at')
    .execute();
}

/** These changes, in the order in which they are given; without those of builds that are gone. */
export async function changesByKey(db: Db, keys: readonly ChangeKey[]): Promise<BuildChange[]> {
  const { rows: states } = await sql<{ id: string; version: number; state: BuildState; name: string }>`
    select event.build_id as id, event.version, event.state, namespace.name
    from unnest(${keys.map(({ buildId }) => buildId)}::uuid[], ${keys.map(({ version }) => version)}::int[]) as wanted(id, version)
      join image_build_event event on event.build_id = wanted.id and event.version = wanted.version
      join image_build build on build.id = event.build_id join namespace on namespace.id = build.namespace_id`.execute(
    db,
  );
  const stateOf = new Map(states.map((row) => [keyOf({ buildId: row.id, version: row.version }), row]));
  const builds = await buildRows(db, [...new Set(keys.map(({ buildId }) => buildId))]);
  const buildOf = new Map(builds.map((build) => [build.id, build]));
  return keys.flatMap((key) => {
    const kept = stateOf.get(keyOf(key));
    const build = buildOf.get(key.buildId);
    if (kept === undefined || build === undefined) return [];
    const { version, at } = key;
    return [{ version, at, build: withState(build, kept.state, version), namespaceName: kept.name }];
  });
}

export const keyOf = ({ buildId, version }: Pick<ChangeKey, 'buildId' | 'version'>) =>
  `${buildId}:${version}`;
