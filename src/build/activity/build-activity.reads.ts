import { sql } from 'kysely';
import type { Db } from '../../db/tables.ts';
import { type BuildRow, buildRows } from '../build.reads.ts';
import { type BuildState, withState } from '../build.rules.ts';

/** Names one change of one build. */
export interface ChangeKey {
  readonly buildId: string;
  readonly version: number;
}

/** That a build has changed, and whose it is; the build itself is read by whoever wants it. */
export interface ChangeNotice extends ChangeKey {
  readonly at: Date;
  readonly namespaceId: string;
  readonly workspaceId: string;
  readonly namespaceName: string;
}

/** A build as it was when it changed. */
export interface BuildChange {
  readonly version: number;
  readonly at: Date;
  readonly build: BuildRow;
}

/** Notices that one statement reads. */
const NOTICES_PER_READ = 1000;

/** The changes of all builds that are dated after `since`, by their dates, a limited number at a time. */
export async function* changesSince(db: Db, since: Date): AsyncGenerator<ChangeNotice[]> {
  let last: ChangeNotice | undefined;
  do {
    const after =
      last === undefined
        ? sql<boolean>`event.at > ${since}`
        : sql<boolean>`(event.at, event.build_id, event.version) > (${last.at}, ${last.buildId}::uuid, ${last.version}::int)`;
    const { rows } = await sql<Omit<ChangeNotice, 'at'> & { at: string }>`
      select event.build_id as "buildId", event.version, event.at, build.namespace_id as "namespaceId",
        build.workspace_id as "workspaceId", namespace.name as "namespaceName"
      from image_build_event event join image_build build on build.id = event.build_id
        join namespace on namespace.id = build.namespace_id
      where ${after} order by event.at, event.build_id, event.version limit ${NOTICES_PER_READ}`.execute(db);
    const notices: ChangeNotice[] = rows.map((row) => ({ ...row, at: new Date(row.at) }));
    yield notices;
    last = notices.length < NOTICES_PER_READ ? undefined : notices.at(-1);
  } while (last !== undefined);
}

/** These changes, by {@link keyOf}; without those of builds that are gone. */
export async function changesByKey(db: Db, keys: readonly ChangeKey[]): Promise<Map<string, BuildChange>> {
  const { rows } = await sql<{ id: string; version: number; at: string; state: BuildState }>`
    select event.build_id as id, event.version, event.at, event.state
    from unnest(${keys.map(({ buildId }) => buildId)}::uuid[], ${keys.map(({ version }) => version)}::int[]) as wanted(id, version)
      join image_build_event event on event.build_id = wanted.id and event.version = wanted.version`.execute(
    db,
  );
  const builds = await buildRows(db, [...new Set(keys.map(({ buildId }) => buildId))]);
  const buildOf = new Map(builds.map((build) => [build.id, build]));
  return new Map(
    rows.flatMap(({ id, version, at, state }) => {
      const build = buildOf.get(id);
      const key = keyOf({ buildId: id, version });
      return build === undefined
        ? []
        : [[key, { version, at: new Date(at), build: withState(build, state, version) }]];
    }),
  );
}

export const keyOf = ({ buildId, version }: ChangeKey) => `${buildId}:${version}`;
