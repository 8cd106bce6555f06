import { sql } from 'kysely';
import { readPage } from '../db/keyset-page.ts';
import type { KeysetOrder } from '../db/keyset-query.ts';
import { type PlainSql, plainSql } from '../db/plain-sql.ts';
import type { Db } from '../db/tables.ts';
import type { AuditResult } from '../shared/enums.ts';
import type { Page, PageArgs } from '../shared/keyset.ts';
import type { AuditEvent } from './audit-event.entity.ts';
import type { AuditOutcome } from './audit-outcome.entity.ts';

/** An event with what came of it; nulls while that is not known. */
export interface AuditRow extends AuditEvent {
  /** As PostgreSQL prints it: the query builder knows no alias of a date for one. */
  readonly finishedAt: string | null;
  readonly result: AuditResult | null;
  readonly codes: AuditOutcome['codes'] | null;
  readonly objectIds: AuditOutcome['objectIds'] | null;
  readonly facts: AuditOutcome['facts'];
}

/** Which events. All given conditions hold at once. */
export interface AuditCriteria {
  readonly userName?: string | null | undefined;
  readonly action?: string | null | undefined;
  readonly result?: readonly AuditResult[] | null | undefined;
  /** A global id. */
  readonly objectId?: string | null | undefined;
  readonly requestId?: string | null | undefined;
  readonly address?: string | null | undefined;
  readonly since?: Date | null | undefined;
  readonly until?: Date | null | undefined;
}

const ORDER: KeysetOrder = {
  by: plainSql`event.at`,
  id: plainSql`event.id`,
  type: 'timestamptz',
  direction: 'DESC',
};

function matching(criteria: AuditCriteria): PlainSql<boolean> {
  const { userName, action, result, objectId, requestId, address, since, until } = criteria;
  const conditions: PlainSql<unknown>[] = [];
  if (userName)
    conditions.push(plainSql`event.user_id = (select id from user_account where name = ${userName})`);
  if (action) conditions.push(plainSql`event.action = ${action}`);
  if (result) conditions.push(plainSql`outcome.result = any(${[...result]}::text[])`);
  if (objectId) {
    // A union, because no index serves a condition on either of two tables.
    conditions.push(plainSql`event.id in (
      select id from audit_event where input_ids @> array[${objectId}]::text[]
      union select event_id from audit_outcome where object_ids @> array[${objectId}]::text[])`);
  }
  if (requestId) conditions.push(plainSql`event.request_id = ${requestId}`);
  if (address) conditions.push(plainSql`event.address = ${address}`);
  if (since) conditions.push(plainSql`event.at >= ${since}`);
  if (until) conditions.push(plainSql`event.at < ${until}`);
  return plainSql.all(conditions);
}

const eventsOf = (db: Db) =>
  db
    .selectFrom('AuditEvent as event')
    .leftJoin('AuditOutcome as outcome', 'outcome.eventId', 'event.id')
    .selectAll('event')
    .select([
      sql<string | null>`outcome.at`.as('finishedAt'),
      'outcome.result',
      'outcome.codes',
      'outcome.objectIds',
      'outcome.facts',
    ]);

/** The newest first. */
export function pageOfEvents(db: Db, criteria: AuditCriteria, args: PageArgs): Page<AuditRow> {
  const list = {
    name: 'auditEvents',
    alias: 'event',
    rows: eventsOf(db).where(matching(criteria)),
    order: ORDER,
    placeOf: (row: AuditRow) => ({ value: row.at.toISOString(), id: row.id }),
  };
  return readPage(list, args);
}

export async function eventsByIds(db: Db, ids: readonly string[]): Promise<AuditRow[]> {
  return await eventsOf(db).where('event.id', 'in', ids).execute();
}
