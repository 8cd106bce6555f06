import { type RawBuilder, sql } from 'kysely';
import { type EntityManager, kysely } from '../db/orm.ts';
import type { Db } from '../db/tables.ts';
import type { Problem, Problems } from '../shared/problems.ts';
import type { ScopeKind, ScopeLimits } from './scope.rules.ts';

const QUOTA_NAMES = ['images', 'storageBytes', 'concurrentBuilds'] as const;
export type QuotaName = (typeof QUOTA_NAMES)[number];

/** How much of a quota is used. */
export interface QuotaUse {
  readonly used: number;
  /** How much of it a purge of deleted images would free. */
  readonly purgeable: number;
}

/** Why there is no room. */
export interface QuotaFacts extends QuotaUse {
  /** Whose quota, in words, e.g. `the namespace algo`. */
  readonly scope: string;
  readonly limit: number;
  readonly requested: number;
}

/** One of the things that are limited: what its use is, and what is said when it is used up. */
export interface Quota {
  readonly name: QuotaName;
  readonly limitOf: (limits: ScopeLimits) => number | null;
  /** Counts the rows that there are now, by the scope's id; one without use may be absent. */
  readonly count: (db: Db, kind: ScopeKind, ids: readonly string[]) => Promise<ReadonlyMap<string, QuotaUse>>;
  /** What is wrong and what to do. */
  readonly refusal: (facts: QuotaFacts) => string;
}

/** A namespace, a workspace, or both. */
export interface QuotaPlace {
  readonly namespaceId?: string | undefined;
  readonly workspaceId?: string | undefined;
}

/** What is to be added to a place, or with a number below 0 taken away; absent: nothing, for which there always is room. */
export type Demand = QuotaPlace & { readonly [name in QuotaName]?: number };

/** Where in a mutation's input each of the two was named. */
export type QuotaPaths = Readonly<Record<ScopeKind, readonly string[]>>;

export type Refusal = Omit<Problem, 'path'> & { readonly kind: ScopeKind };

/**
 * Locks places until the transaction ends, so that nobody else takes the room that this one is about to take, and counts what
 * they have. Outside a transaction it only looks, and waits for nobody: that tells of a quota together with whatever else is wrong with an input.
 *
 * Who has no limit is locked against being given one and against being deleted, which the foreign keys would do next anyway, so
 * that only those who share a limit wait for each other. Call it once in a transaction, for all its places: the locks are taken in
 * one order, namespaces first. Lock images that are there already before, and add new ones after.
 *
 * @param tx what it has not flushed yet is not counted
 */
export async function lockRoom(
  tx: EntityManager,
  quotas: readonly Quota[],
  places: readonly QuotaPlace[],
): Promise<Room> {
  const db = kysely(tx);
  const scopes = new Map<string, LockedScope>();
  const isLocking = tx.isInTransaction();
  const read = async (asked: readonly ScopeRef[], lock: RawBuilder<unknown>) => {
    for (const scope of await readScopes(db, asked, lock)) scopes.set(scope.id, scope);
  };
  await read(places.flatMap(scopesOf), isLocking ? sql`for key share` : sql``);
  // Any limit, not only those of `quotas`: then two transactions never lock the same two scopes in two orders.
  const limited = [...scopes.values()].filter(hasLimit);
  if (isLocking && limited.length > 0) await read(limited, sql`for no key update`);
  const room = new Room(scopes);
  for (const quota of quotas) {
    for (const kind of ['namespace', 'workspace'] as const) {
      const ids = [...scopes.values()]
        .filter((scope) => scope.kind === kind && quota.limitOf(scope) !== null)
        .map(({ id }) => id);
      if (ids.length === 0) continue;
      // A statement of its own, after the lock: it sees what those had added who held the lock before.
      const uses = await quota.count(db, kind, ids);
      for (const id of ids) room.setUse(quota, id, uses.get(id) ?? NO_USE);
    }
  }
  return room;
}

/** Locks, counts and takes at once, and only what is asked for: see {@link lockRoom} and {@link Room.take}. */
export async function takeRoom(
  tx: EntityManager,
  quotas: readonly Quota[],
  demands: readonly Demand[],
): Promise<Refusal[]> {
  const asked = quotas.filter(({ name }) => demands.some((demand) => (demand[name] ?? 0) > 0));
  return (await lockRoom(tx, asked, demands)).take(demands);
}

/** The room that is left in some places; ids of namespaces and of workspaces are UUIDs and never the same. */
export class Room {
  readonly #uses = new Map<string, { quota: Quota; used: number; purgeable: number }[]>();

  constructor(private readonly scopes: ReadonlyMap<string, LockedScope>) {}

  setUse(quota: Quota, id: string, { used, purgeable }: QuotaUse): void {
    const uses = this.#uses.get(id) ?? [];
    this.#uses.set(id, [...uses, { quota, used, purgeable }]);
  }

  /**
   * Takes what is demanded, all of it or nothing.
   *
   * @returns why not: every quota that it would exceed; NOT_FOUND for a scope that was deleted meanwhile
   */
  take(demands: readonly Demand[]): Refusal[] {
    const sums = new Map<string, Sum>();
    for (const demand of demands) {
      for (const scope of scopesOf(demand)) {
        const sum = sums.get(scope.id) ?? { ...scope, images: 0, storageBytes: 0, concurrentBuilds: 0 };
        for (const name of QUOTA_NAMES) sum[name] += demand[name] ?? 0;
        sums.set(scope.id, sum);
      }
    }
    const refusals = [...sums.values()].flatMap((sum) => this.#refusals(sum));
    if (refusals.length > 0) return refusals;
    for (const sum of sums.values()) {
      for (const use of this.#uses.get(sum.id) ?? []) use.used += sum[use.quota.name];
    }
    return [];
  }

  #refusals(sum: Sum): Refusal[] {
    const { kind, id } = sum;
    const scope = this.scopes.get(id);
    if (scope === undefined) {
      return [{ kind, code: 'NOT_FOUND', message: `there is no such ${kind}`, details: null }];
    }
    return (this.#uses.get(id) ?? []).flatMap(({ quota, used, purgeable }): Refusal[] => {
      const limit = quota.limitOf(scope);
      const requested = sum[quota.name];
      // What adds nothing is never refused, also where a limit was lowered below what is there.
      if (limit === null || requested <= 0 || used + requested <= limit) return [];
      const facts = { scope: `the ${kind} ${scope.name}`, limit, used, requested, purgeable };
      const details = {
        quota: quota.name,
        scope: kind,
        name: scope.name,
        limit,
        current: used,
        requested,
      };
      return [{ kind, code: 'QUOTA_EXCEEDED', message: quota.refusal(facts), details }];
    });
  }
}

/** Adds refusals to what is wrong with an input. */
export function addRefusals(problems: Problems, refusals: readonly Refusal[], paths: QuotaPaths): void {
  for (const { kind, code, message, details } of refusals) problems.add(code, paths[kind], message, details);
}

const NO_USE: QuotaUse = { used: 0, purgeable: 0 };

interface ScopeRef {
  readonly kind: ScopeKind;
  readonly id: string;
}

/** All that a scope is asked for. */
type Sum = ScopeRef & Record<QuotaName, number>;

interface LockedScope extends ScopeRef, ScopeLimits {
  readonly name: string;
}

function scopesOf({ namespaceId, workspaceId }: QuotaPlace): ScopeRef[] {
  return [
    ...(namespaceId === undefined ? [] : [{ kind: 'namespace' as const, id: namespaceId }]),
    ...(workspaceId === undefined ? [] : [{ kind: 'workspace' as const, id: workspaceId }]),
  ];
}

const hasLimit = ({ imageLimit, storageLimitBytes, buildLimit }: ScopeLimits) =>
  imageLimit !== null || storageLimitBytes !== null || buildLimit !== null;

async function readScopes(
  db: Db,
  scopes: readonly ScopeRef[],
  lock: RawBuilder<unknown>,
): Promise<LockedScope[]> {
  const of = (kind: ScopeKind) => {
    const ids = new Set(scopes.filter((scope) => scope.kind === kind).map(({ id }) => id));
    return sql`select * from (
      select ${kind}::text as kind, id, name, image_limit as "imageLimit",
        storage_limit_bytes::float8 as "storageLimitBytes", build_limit as "buildLimit"
      from ${sql.table(kind)} where id = any(${[...ids]}::uuid[]) order by id ${lock}) locked`;
  };
  const { rows } = await sql<LockedScope>`${of('namespace')} union all ${of('workspace')}`.execute(db);
  return rows;
}
