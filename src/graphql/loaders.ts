import DataLoader from 'dataloader';
import type { AuditRow } from '../audit/audit.reads.ts';
import type { Session } from '../auth/session.ts';
import type { BuildCriteria, BuildParent, BuildRow } from '../build/build.reads.ts';
import type { Parents } from '../db/keyset-page.ts';
import type { ContainerFootprint } from '../engine/container-engine.ts';
import type { DependencyRow } from '../image/dependency/image-dependency.reads.ts';
import type { ImageCriteria } from '../image/filter/image-filter.rules.ts';
import type { ImageParent, ImageRow } from '../image/image.reads.ts';
import type { Namespace } from '../namespace/namespace.entity.ts';
import type { Notebook } from '../notebook/notebook.service.ts';
import type { NotebookContainers } from '../notebook/notebook-containers.ts';
import type { QueuePlace } from '../queue/job-queue.ts';
import type { ScopeKind } from '../scope/scope.rules.ts';
import type { Services } from '../services.ts';
import type { Role } from '../shared/enums.ts';
import { keptFor } from '../shared/kept-for.ts';
import type { Page, PageArgs } from '../shared/keyset.ts';
import { lazily } from '../shared/lazily.ts';
import type { Selection } from '../shared/selection.ts';
import type { AccessToken } from '../user/access-token.entity.ts';
import type { User } from '../user/user.entity.ts';
import type { Workspace } from '../workspace/workspace.entity.ts';

interface Membership {
  readonly userId: string;
  readonly role: Role;
}

/** Reads a page of the list that belongs to one parent, together with those of other parents. */
type PageOf<Relation extends string, Criteria, T> = (
  relation: Relation,
  parentId: string,
  criteria: Criteria,
  args: PageArgs,
) => Promise<Page<T>>;

type PerScope<T> = Readonly<Record<ScopeKind, DataLoader<string, T | null>>>;

/** Batched look-ups by id, one statement for all of an operation's rows. What the viewer may not see is `null`. */
export interface Loaders {
  readonly user: DataLoader<string, User | null>;
  readonly userByName: DataLoader<string, User | null>;
  /** Good ones by the user's id; `null`: none, or not for the viewer to see. */
  readonly accessTokens: DataLoader<string, readonly AccessToken[] | null>;
  readonly auditEvent: DataLoader<string, AuditRow | null>;
  readonly namespace: DataLoader<string, Namespace | null>;
  readonly workspace: DataLoader<string, Workspace | null>;
  /** Members by the namespace's or the workspace's id; `null` for who may not see them. */
  readonly namespaceMembers: DataLoader<string, readonly Membership[] | null>;
  readonly workspaceMembers: DataLoader<string, readonly Membership[] | null>;
  /** The engine's containers as they are for this operation: asked for once, whatever of its fields need them. */
  readonly containers: () => NotebookContainers;
  readonly notebook: DataLoader<string, Notebook | null>;
  /** What a notebook's files take; `null` where the engine does not say in time, or cannot. */
  readonly footprint: DataLoader<Notebook, ContainerFootprint | null, string>;
  readonly image: DataLoader<string, ImageRow | null>;
  /** An image with no more than what is asked for of it. */
  readonly imageFor: (selection: Selection, id: string) => Promise<ImageRow | null>;
  /** By the name that an engine has for it, `host/path@sha256:…`. */
  readonly imageByReference: DataLoader<string, ImageRow | null>;
  /** What an image needs, in order, by its id; `null`: nothing. */
  readonly dependencies: DataLoader<string, readonly DependencyRow[] | null>;
  readonly build: DataLoader<string, BuildRow | null>;
  /** The builds that tried one once more; by that one's id. */
  readonly retries: DataLoader<string, readonly BuildRow[] | null>;
  /** What a build is made from, by the build's id; `null` for a notebook's. */
  readonly dockerfile: DataLoader<string, string | null>;
  /** Where a waiting build stands; by the build's id. */
  readonly queuePosition: DataLoader<string, QueuePlace | null>;
  /** What is used of quotas, by the namespace's or workspace's id; `null`: nothing. */
  readonly liveImages: PerScope<number>;
  readonly storedBytes: PerScope<number>;
  readonly unfinishedBuilds: PerScope<number>;
  /** The build that is saving a notebook; by the notebook's UUID. */
  readonly notebookSave: DataLoader<string, string | null>;
  /** Nested lists, newest first. */
  readonly imagesOf: PageOf<ImageParent, ImageCriteria, ImageRow>;
  readonly buildsOf: PageOf<BuildParent, BuildCriteria, BuildRow>;
}

/** What loaders are made from. */
interface LoaderParts {
  readonly services: Services;
  readonly session: Session;
  /** Are loaded values kept for the rest of the operation? */
  readonly cache: boolean;
  readonly containers: () => NotebookContainers;
}

/** Each is made when it is needed: an operation takes one or two, and all of them would be a tenth of what a short query allocates. */
const lazyLoaders = lazily<LoaderParts, Loaders>({
  user: ({ services, cache }) => byId((ids) => services.users.byIds(ids), cache),
  userByName: ({ services, cache }) =>
    keyed(
      async (names) => new Map((await services.users.byNames(names)).map((user) => [user.name, user])),
      cache,
    ),
  // Not cached: a mutation earlier in the operation may have made or revoked one.
  accessTokens: ({ services, session }) => keyed((ids) => services.accessTokens.byUsers(session, ids), false),
  auditEvent: ({ services, session, cache }) => byId((ids) => services.audit.byIds(session, ids), cache),
  namespace: ({ services, cache }) => byId((ids) => services.namespaces.byIds(ids), cache),
  workspace: ({ services, cache }) => byId((ids) => services.workspaces.byIds(ids), cache),
  namespaceMembers: ({ services, session, cache }) =>
    keyed((ids) => services.namespaces.members(session, ids), cache),
  workspaceMembers: ({ services, session, cache }) =>
    keyed((ids) => services.workspaces.members(session, ids), cache),
  containers: ({ containers }) => containers,
  notebook: ({ services, session, cache, containers }) =>
    byId((ids) => services.notebooks.byIds(session, ids, containers()), cache),
  footprint: ({ services, cache }) =>
    new DataLoader(async (notebooks) => await services.notebooks.footprints(notebooks), {
      cache,
      cacheKeyFn: ({ containerId }) => containerId,
    }),
  image: ({ services, session, cache }) => byId((ids) => services.images.byIds(session, ids), cache),
  imageFor: ({ services, session, cache }) => {
    const loaders = new Map<string, DataLoader<string, ImageRow | null>>();
    return (selection, id) => {
      const fields = namesOf(selection.fields);
      let loader = loaders.get(fields);
      if (loader === undefined) {
        loader = byId((ids) => services.images.byIds(session, ids, selection), cache);
        loaders.set(fields, loader);
      }
      return loader.load(id);
    };
  },
  imageByReference: ({ services, session, cache }) =>
    keyed((references) => services.images.byReferences(session, references), cache),
  dependencies: ({ services }) => keyed((ids) => services.images.dependencies(ids), false),
  build: ({ services, session, cache }) => byId((ids) => services.builds.byIds(session, ids), cache),
  retries: ({ services, session }) => keyed((ids) => services.builds.retriesOf(session, ids), false),
  dockerfile: ({ services, cache }) => keyed((ids) => services.builds.dockerfilesOf(ids), cache),
  queuePosition: ({ services, cache }) => keyed((ids) => services.builds.queuePlaces(ids), cache),
  liveImages: ({ services }) => perScope((...asked) => services.imageQuotas.liveImages(...asked)),
  storedBytes: ({ services }) => perScope((...asked) => services.imageQuotas.storedBytes(...asked)),
  unfinishedBuilds: ({ services }) => perScope((...asked) => services.buildQuotas.unfinishedBuilds(...asked)),
  notebookSave: ({ services, cache }) => keyed((uids) => services.builds.savesOf(uids), cache),
  imagesOf: ({ services, session }) =>
    pagesOf((...asked) => services.images.pagesByParent(session, ...asked)),
  buildsOf: ({ services, session }) =>
    pagesOf((...asked) => services.builds.pagesByParent(session, ...asked)),
});

export function createLoaders(
  services: Services,
  session: Session,
  { cache }: { readonly cache: boolean },
): Loaders {
  let known: NotebookContainers | undefined;
  const containers = () => {
    // Mutations run one after the other: a later one has its own time.
    if (!cache || known === undefined || known.deadline.aborted) known = services.notebooks.containers();
    return known;
  };
  return lazyLoaders({ services, session, cache, containers });
}

/** A known document has the same set of fields each time. */
const namesOf = keptFor((fields: ReadonlySet<string>) => [...fields].join(' '));

function keyed<T>(
  find: (keys: readonly string[]) => Promise<ReadonlyMap<string, T>>,
  cache: boolean,
): DataLoader<string, T | null> {
  return new DataLoader(
    async (keys) => {
      const found = await find(keys);
      return keys.map((key) => found.get(key) ?? null);
    },
    { cache },
  );
}

function byId<T extends { readonly id: string }>(
  find: (ids: readonly string[]) => Promise<readonly T[]>,
  cache: boolean,
): DataLoader<string, T | null> {
  return keyed(async (ids) => new Map((await find(ids)).map((row) => [row.id, row])), cache);
}

/** Not cached: a mutation earlier in the operation may have changed what is used. */
function perScope<T>(
  find: (kind: ScopeKind, ids: readonly string[]) => Promise<ReadonlyMap<string, T>>,
): PerScope<T> {
  return {
    namespace: keyed((ids) => find('namespace', ids), false),
    workspace: keyed((ids) => find('workspace', ids), false),
  };
}

/** Reads pages of the same relation, criteria and arguments together, by a loader for each that the operation comes to. */
function pagesOf<Relation extends string, Criteria, T>(
  read: (
    parents: Parents<Relation>,
    criteria: Criteria,
    args: PageArgs,
  ) => Promise<ReadonlyMap<string, Page<T>>>,
): PageOf<Relation, Criteria, T> {
  const loaders = new Map<string, DataLoader<string, Page<T>>>();
  return async (relation, parentId, criteria, args) => {
    // One field's arguments are written in one order, whatever the parent. The same arguments in another order, for another
    // field of the document, cost it a statement of its own.
    const key = JSON.stringify([relation, criteria, args]);
    let loader = loaders.get(key);
    if (loader === undefined) {
      // Not cached: a list may have changed since, by a mutation earlier in the operation.
      loader = new DataLoader(
        async (ids) => {
          const pages = await read({ relation, ids }, criteria, args);
          return ids.map((id) => pages.get(id) as Page<T>);
        },
        { cache: false },
      );
      loaders.set(key, loader);
    }
    return await loader.load(parentId);
  };
}
