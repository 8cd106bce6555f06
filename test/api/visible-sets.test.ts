import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/auth/session.ts';
import type { Role } from '../../src/shared/enums.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { sendBuild } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { makeImage } from '../support/images.ts';
import { makeScope, setRole } from '../support/scopes.ts';
import { sessionOf } from '../support/sessions.ts';

/**
 * What may be seen is SQL, because lists and counts need it; what may be done is `Session.can`. Here every combination of roles on
 * one namespace and one workspace meets every combination of namespace, workspace and visibility, everywhere that things show.
 */
let slipway: TestApp;
const scopes: Scope[] = [];
const images: Image[] = [];
const builds: Build[] = [];
const people: (readonly [string, ApiClient, Session])[] = [];

interface Scope {
  readonly kind: 'namespace' | 'workspace';
  readonly id: string;
  readonly name: string;
}
interface Build {
  readonly id: string;
  readonly namespace: Scope;
  readonly workspace: Scope;
  /** The image that it says it made. */
  imageId: string;
  retryOfId: string | null;
}
interface Image extends Pick<Build, 'id' | 'namespace' | 'workspace'> {
  readonly isPublic: boolean;
  readonly name: string;
  sourceBuildId: string;
}

const ROLES = [null, 'VIEWER', 'DEVELOPER', 'OWNER'] as const satisfies readonly (Role | null)[];
const uuidOf = (id: string) => Buffer.from(id, 'base64url').toString().split(':')[1] as string;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  const { admin, database } = slipway;
  for (const kind of ['namespace', 'workspace'] as const) {
    for (const name of ['one', 'two']) scopes.push({ ...(await makeScope(admin, kind, { name })), kind });
    const query = `{ it: ${kind}(name: "default") { id } }`;
    const { it: fallback } = await admin.run<{ it: { id: string } }>(query);
    scopes.push({ kind, name: 'default', id: fallback.id });
  }
  const of = (kind: Scope['kind']) => scopes.filter((scope) => scope.kind === kind);
  for (const namespace of of('namespace')) {
    for (const workspace of of('workspace')) {
      const place = { namespace, workspace };
      for (const isPublic of [false, true]) {
        const name = `image-${images.length}`;
        const visibility = isPublic ? 'PUBLIC' : 'PRIVATE';
        const input = {
          reference: `images.test/${namespace.name}/${name}:1`,
          workspaceId: workspace.id,
          visibility,
        };
        images.push({ ...place, isPublic, name, id: (await makeImage(admin, input)).id, sourceBuildId: '' });
      }
      const { build } = await sendBuild(admin, {
        workspaceId: workspace.id,
        image: { name: `build-${builds.length}`, namespace: namespace.name },
        buildConfig: { dockerfile: 'FROM scratch' },
      });
      builds.push({ ...place, id: build?.id ?? '', imageId: '', retryOfId: null });
    }
  }
  await relate();
  for (const namespaceRole of ROLES) {
    for (const workspaceRole of ROLES) {
      const name = `${namespaceRole}-${workspaceRole}`;
      const client = await slipway.user(name);
      const held = { namespace: namespaceRole, workspace: workspaceRole };
      const rolesOn = async (kind: Scope['kind']) => {
        const [one] = of(kind) as [Scope];
        const role = held[kind];
        if (role !== null) await setRole(admin, kind, one.id, name, role);
        return new Map(role === null ? [] : [[uuidOf(one.id), role] as const]);
      };
      const roles = {
        namespaceRoles: await rolesOn('namespace'),
        workspaceRoles: await rolesOn('workspace'),
      };
      people.push([name, client, sessionOf(roles)]);
    }
  }
  people.push(['admin', admin, sessionOf({ isAdmin: true })]);

  /** Relations that lead from what is seen to what is not, in all combinations: the steps are prime to the numbers. */
  async function relate(): Promise<void> {
    for (const [index, image] of images.entries()) {
      image.sourceBuildId = builds[(index * 5) % builds.length]?.id as string;
      const values = [uuidOf(image.id), uuidOf(image.sourceBuildId)];
      await database.query('update image set source_build_id = $2 where id = $1', values);
    }
    for (const [index, build] of builds.entries()) {
      build.imageId = images[(index * 7 + 3) % images.length]?.id as string;
      build.retryOfId = builds[(index * 5 + 1) % builds.length]?.id as string;
      await database.query('update image_build set image_id = $2, retry_of_id = $3 where id = $1', [
        uuidOf(build.id),
        uuidOf(build.imageId),
        uuidOf(build.retryOfId),
      ]);
    }
  }
}, 60_000);
afterAll(async () => await slipway[Symbol.asyncDispose]());

const mayRead = (session: Session, { kind, id }: Scope) =>
  kind === 'namespace'
    ? session.can('namespace:read', uuidOf(id))
    : session.can('workspace:read', uuidOf(id));
const isSeen = (session: Session, row: Build | Image) =>
  ('isPublic' in row && row.isPublic) || mayRead(session, row.namespace) || mayRead(session, row.workspace);
const isKnown = (session: Session, scope: Scope) =>
  mayRead(session, scope) || (scope.kind === 'workspace' && scope.name === 'default');

interface List {
  readonly nodes: readonly { readonly id: string }[];
  readonly totalCount: number;
}
const LIST = '{ nodes { id } totalCount }';
const listOf = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id).sort();

/** The ids of a list, which has to count as many. */
function idsOf({ nodes, totalCount }: List): string[] {
  expect(totalCount).toBe(nodes.length);
  return listOf(nodes);
}

describe('what a viewer may see', () => {
  const each = () => people.map((one) => [...one] as const);

  it('is the same in lists, counts, by id, by name, in node and in an export', async () => {
    expect(people).toHaveLength(17);
    for (const [name, client, session] of each()) {
      const seenImages = images.filter((one) => isSeen(session, one));
      const seenBuilds = builds.filter((one) => isSeen(session, one));
      const known = (kind: Scope['kind']) =>
        scopes.filter((one) => one.kind === kind && isKnown(session, one));
      const all = [...images, ...builds, ...scopes];
      const byId = all.map(({ id }, index) => `n${index}: node(id: "${id}") { id }`);
      const byOwnField = [
        ...images.map(({ id }, index) => `i${index}: image(id: "${id}") { id }`),
        ...images.map(
          (one, index) =>
            `m${index}: imageByName(namespace: "${one.namespace.name}", name: "${one.name}", tag: "1") { id }`,
        ),
        ...builds.map(({ id }, index) => `b${index}: imageBuild(id: "${id}") { id }`),
        ...scopes.map((one, index) => `s${index}: ${one.kind}(name: "${one.name}") { id }`),
      ];
      const lists = await client.run<Record<'images' | 'imageBuilds' | 'namespaces' | 'workspaces', List>>(
        `{ images(first: 100) ${LIST} imageBuilds(first: 100) ${LIST} namespaces ${LIST} workspaces ${LIST} }`,
      );
      expect(idsOf(lists.images), name).toEqual(listOf(seenImages));
      expect(idsOf(lists.imageBuilds), name).toEqual(listOf(seenBuilds));
      expect(idsOf(lists.namespaces), name).toEqual(listOf(known('namespace')));
      expect(idsOf(lists.workspaces), name).toEqual(listOf(known('workspace')));
      const shown = listOf([...seenImages, ...seenBuilds, ...known('namespace'), ...known('workspace')]);
      for (const fields of [byId, byOwnField]) {
        const found = await client.run<Record<string, { id: string } | null>>(`{ ${fields.join(' ')} }`);
        const ids = new Set(Object.values(found).flatMap((one) => one?.id ?? []));
        expect([...ids].sort(), name).toEqual(shown);
      }
      const { exportImages } = await client.run<{ exportImages: { count: number; content: string } }>(
        '{ exportImages { count content } }',
      );
      expect(exportImages.count, name).toBe(seenImages.length);
      const exported = images.filter((one) => exportImages.content.includes(`/${one.name}:1"`));
      expect(listOf(exported), name).toEqual(listOf(seenImages));
    }
  });

  it('is the same in what stands inside of something else, and by filters', async () => {
    for (const [name, client, session] of each()) {
      const within = (rows: readonly (Build | Image)[], scope: Scope) =>
        listOf(rows.filter((row) => isSeen(session, row) && row[scope.kind].id === scope.id));
      for (const scope of scopes) {
        const filter =
          scope.kind === 'namespace' ? `namespace: "${scope.name}"` : `workspaceId: "${scope.id}"`;
        const found = await client.run<Record<'images' | 'builds', List>>(
          `{ images(first: 100, filter: { ${filter} }) ${LIST} builds: imageBuilds(first: 100, filter: { ${filter} }) ${LIST} }`,
        );
        expect(idsOf(found.images), name).toEqual(within(images, scope));
        expect(idsOf(found.builds), name).toEqual(within(builds, scope));
      }
      for (const visibility of ['PUBLIC', 'PRIVATE']) {
        const of = (filter: string) => `images(first: 100, filter: { ${filter} }) ${LIST}`;
        const found = await client.run<Record<'outermost' | 'inside', List>>(
          `{ outermost: ${of(`visibility: ${visibility}`)} inside: ${of(`and: [{ visibility: ${visibility} }]`)} }`,
        );
        const seen = images.filter(
          (one) => isSeen(session, one) && one.isPublic === (visibility === 'PUBLIC'),
        );
        expect(idsOf(found.outermost), name).toEqual(listOf(seen));
        expect(idsOf(found.inside), name).toEqual(listOf(seen));
      }
      // Also of namespaces and workspaces that the viewer knows only through an image that is public.
      type Known = Record<'namespace' | 'workspace', { id: string; images: List; builds?: List }>;
      const { list } = await client.run<{ list: { nodes: (Known & { id: string })[] } }>(
        `{ list: images(first: 30) { nodes { id
          namespace { id images(first: 30) ${LIST} }
          workspace { id images(first: 30) ${LIST} builds(first: 30) ${LIST} } } } }`,
      );
      for (const node of list.nodes) {
        for (const kind of ['namespace', 'workspace'] as const) {
          const scope = scopes.find(({ id }) => id === node[kind].id) as Scope;
          expect(idsOf(node[kind].images), name).toEqual(within(images, scope));
          if (node[kind].builds) expect(idsOf(node[kind].builds), name).toEqual(within(builds, scope));
        }
      }
    }
  });

  it('is the same at the end of every relation', async () => {
    for (const [name, client, session] of each()) {
      const shown = (rows: readonly (Build | Image)[], id: string | null) =>
        rows.some((row) => row.id === id && isSeen(session, row)) ? { id } : null;
      const { images: seenImages } = await client.run<{
        images: { nodes: { id: string; sourceBuild: unknown; builds: List }[] };
      }>(`{ images(first: 100) { nodes { id sourceBuild { id } builds(first: 20) ${LIST} } } }`);
      for (const { id, sourceBuild, builds: made } of seenImages.nodes) {
        const image = images.find((one) => one.id === id) as Image;
        expect(sourceBuild, name).toEqual(shown(builds, image.sourceBuildId));
        const makers = builds.filter((one) => one.imageId === id && isSeen(session, one));
        expect(idsOf(made), name).toEqual(listOf(makers));
      }
      const { imageBuilds } = await client.run<{
        imageBuilds: { nodes: { id: string; image: unknown; retryOf: unknown; retries: { id: string }[] }[] };
      }>('{ imageBuilds(first: 100) { nodes { id image { id } retryOf { id } retries { id } } } }');
      for (const { id, image, retryOf, retries } of imageBuilds.nodes) {
        const build = builds.find((one) => one.id === id) as Build;
        expect(image, name).toEqual(shown(images, build.imageId));
        expect(retryOf, name).toEqual(shown(builds, build.retryOfId));
        expect(listOf(retries), name).toEqual(
          listOf(builds.filter((one) => one.retryOfId === id && isSeen(session, one))),
        );
      }
    }
  });

  it('is the same where a page brings along what belongs to its images', async () => {
    const more =
      'id namespace { id name displayName viewerPermissions } builds(first: 1) { nodes { id status } }';
    for (const [name, client] of each()) {
      // Those that are read by their ids have what belongs to them looked up.
      const { page, apart } = await client.run<Record<'page' | 'apart', { nodes: { id: string }[] }>>(
        `{ page: images(first: 100) { nodes { ${more} } }
          apart: images(first: 100) { nodes { ...Row builds(first: 1) { pageInfo { hasNextPage } } } } }
          fragment Row on Image { ${more} }`,
      );
      const { nodes } = await client.run<{ nodes: { id: string }[] }>(
        `query ($ids: [ID!]!) { nodes(ids: $ids) { ...on Image { ${more} } } }`,
        { ids: page.nodes.map(({ id }) => id) },
      );
      expect(page.nodes, name).toEqual(nodes);
      expect(apart.nodes, name).toMatchObject(nodes);
    }
  });
});
