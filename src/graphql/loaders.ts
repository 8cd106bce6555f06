import DataLoader from 'dataloader';
import type { Session } from '../auth/session.ts';
import type { BuildRow } from '../build/build.reads.ts';
import type { ImageRow } from '../image/image.reads.ts';
import type { Namespace } from '../namespace/namespace.entity.ts';
import type { Services } from '../services.ts';
import type { User } from '../user/user.entity.ts';
import type { Workspace } from '../workspace/workspace.entity.ts';

/** Batched look-ups by id, one statement for all of an operation's rows. What the viewer may not see is `null`. */
export interface Loaders {
  readonly user: DataLoader<string, User | null>;
  readonly namespace: DataLoader<string, Namespace | null>;
  readonly workspace: DataLoader<string, Workspace | null>;
  readonly image: DataLoader<string, ImageRow | null>;
  readonly build: DataLoader<string, BuildRow | null>;
  /** Where a waiting build stands; by the build's id. */
  readonly queuePosition: DataLoader<string, { position: number; size: number } | null>;
  /** The build that is saving a notebook; by the notebook's UUID. */
  readonly notebookSave: DataLoader<string, string | null>;
}

export function createLoaders(services: Services, session: Session, options: { cache: boolean }): Loaders {
  const keyed = <T>(find: (keys: readonly string[]) => Promise<ReadonlyMap<string, T>>) =>
    new DataLoader<string, T | null>(async (keys) => {
      const found = await find(keys);
      return keys.map((key) => found.get(key) ?? null);
    }, options);
  const byId = <T extends { readonly id: string }>(find: (ids: readonly string[]) => Promise<readonly T[]>) =>
    keyed(async (ids) => new Map((await find(ids)).map((row) => [row.id, row])));
  return {
    user: byId((ids) => services.users.byIds(ids)),
    namespace: byId((ids) => services.namespaces.byIds(ids)),
    workspace: byId((ids) => services.workspaces.byIds(ids)),
    image: byId((ids) => services.images.byIds(session, ids)),
    build: byId((ids) => services.builds.byIds(session, ids)),
    queuePosition: keyed((ids) => services.builds.queuePositions(ids)),
    notebookSave: keyed((uids) => services.builds.savesOf(uids)),
  };
}
