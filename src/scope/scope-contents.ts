import type { EntityManager } from '../db/orm.ts';
import type { ScopeKind } from './scope.rules.ts';

/** What a namespace or workspace holds that stands in the way of deleting it. */
export interface ScopeUse {
  readonly images: number;
  readonly deletedImages: number;
  readonly unfinishedBuilds: number;
}

/** What later features keep in namespaces and workspaces, as far as deleting one has to know. Both run in its transaction. */
export interface ScopeContents {
  count(tx: EntityManager, kind: ScopeKind, id: string): Promise<ScopeUse>;
  /** Deletes what goes with it: the records of finished builds. */
  clear(tx: EntityManager, kind: ScopeKind, id: string): Promise<void>;
}
