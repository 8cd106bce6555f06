import { randomUUID } from 'node:crypto';
import type { Session } from '../../src/auth/session.ts';
import type { Role } from '../../src/shared/enums.ts';
import { createTestApp, type TestApp } from './app.ts';
import { sendBuild } from './builds.ts';
import { type ApiClient, createApiClient } from './client.ts';
import { deleteImage, globalId, makeImage } from './images.ts';
import { addNotebook } from './notebooks.ts';
import { cancel } from './running-builds.ts';
import { makeScope, setRole } from './scopes.ts';
import { sessionOf } from './sessions.ts';

/** Whose object it is that somebody asks for: their own team's, one that is hidden from them, or one that all may read. */
export const SIDES = ['own', 'foreign', 'public'] as const;
export type Side = (typeof SIDES)[number];

export type Kind =
  | 'image'
  | 'deleted image'
  | 'build'
  | 'canceled build'
  | 'namespace'
  | 'workspace'
  | 'default workspace'
  | 'empty namespace'
  | 'empty workspace'
  | 'place'
  | 'notebook'
  | 'token'
  | 'user'
  | 'audit event';

/** What somebody asks for. */
export interface Thing {
  readonly id: string;
  readonly side: Side;
  /** The namespace and workspace that it is, or belongs to: names, and UUIDs for the rights on them. */
  readonly place: Place;
  /** The UUID of the user whose it is. */
  readonly ownerId: string;
  /** Of what is asked for by name. */
  readonly name: string;
}

interface Place {
  readonly name: string;
  readonly namespaceId: string;
  readonly workspaceId: string;
  /** As the API has it. */
  readonly workspace: string;
}

/** Somebody who asks, and what the table of actions is asked about them. */
export interface Viewer {
  readonly name: string;
  readonly client: ApiClient;
  /** `null`: nobody is signed in. */
  readonly session: Session | null;
}

interface Roles {
  readonly namespace?: Role;
  readonly workspace?: Role;
}

/** Everybody who asks, and their roles on the team's namespace and workspace. */
const MEMBERS: Readonly<Record<string, Roles>> = {
  stranger: {},
  'namespace VIEWER': { namespace: 'VIEWER' },
  'namespace DEVELOPER': { namespace: 'DEVELOPER' },
  'namespace OWNER': { namespace: 'OWNER' },
  'workspace VIEWER': { workspace: 'VIEWER' },
  'workspace DEVELOPER': { workspace: 'DEVELOPER' },
  'workspace OWNER': { workspace: 'OWNER' },
  'both DEVELOPER': { namespace: 'DEVELOPER', workspace: 'DEVELOPER' },
  'its maker, VIEWER': { namespace: 'VIEWER' },
};
const MAKER = 'its maker, VIEWER';
/** Those who ask with a token for reading, too. */
const READERS = ['administrator', MAKER];
const accountOf = (viewer: string) => viewer.replaceAll(/\W+/g, '-').toLowerCase();

const uuidOf = (id: string) => Buffer.from(id, 'base64url').toString().split(':')[1] as string;

/**
 * The stage of the table of permissions. `team` is a namespace and a workspace on which {@link MEMBERS} have their roles, `other`
 * another namespace and workspace with members of their own; on the namespace `commons` everybody is DEVELOPER, so that the
 * workspace alone decides about what goes there.
 */
export class PermissionStage implements AsyncDisposable {
  readonly #things = new Map<string, Promise<Thing>>();
  #count = 0;

  private constructor(
    readonly app: TestApp,
    readonly viewers: readonly Viewer[],
    private readonly places: Readonly<Record<Side, Place>>,
    private readonly owners: Readonly<Record<Side, { readonly id: string; readonly name: string }>>,
    private readonly closing: AsyncDisposableStack,
  ) {}

  static async open(): Promise<PermissionStage> {
    await using opened = new AsyncDisposableStack();
    const app = opened.use(await createTestApp({ worker: false, env: { SLIPWAY_RATE_LIMIT: '0' } }));
    const { admin, database } = app;
    const places = await Promise.all(
      ['team', 'other'].map(async (name): Promise<Place> => {
        const namespace = await makeScope(admin, 'namespace', { name });
        const workspace = await makeScope(admin, 'workspace', { name });
        return {
          name,
          namespaceId: uuidOf(namespace.id),
          workspaceId: uuidOf(workspace.id),
          workspace: workspace.id,
        };
      }),
    );
    const [team, other] = places as [Place, Place];
    const commons = await makeScope(admin, 'namespace', { name: 'commons' });
    const viewers: Viewer[] = [{ name: 'nobody', client: createApiClient(app.url, ''), session: null }];
    const idOf = async (name: string) => {
      const [row] = await database.query<{ id: string }>('select id from user_account where name = $1', [
        name,
      ]);
      return row?.id ?? '';
    };
    for (const [name, roles] of Object.entries(MEMBERS)) {
      const account = accountOf(name);
      const client = await app.user(account);
      await setRole(admin, 'namespace', commons.id, account, 'DEVELOPER');
      for (const kind of ['namespace', 'workspace'] as const) {
        const role = roles[kind];
        const type = kind === 'namespace' ? 'Namespace' : 'Workspace';
        if (role !== undefined) {
          await setRole(admin, kind, globalId(type, team[`${kind}Id`]), account, role);
        }
      }
      const on = (id: string, role: Role | undefined) => (role === undefined ? [] : [[id, role] as const]);
      const session = sessionOf({
        user: { id: await idOf(account), name: account },
        namespaceRoles: new Map([
          ...on(team.namespaceId, roles.namespace),
          ...on(uuidOf(commons.id), 'DEVELOPER'),
        ]),
        workspaceRoles: new Map(on(team.workspaceId, roles.workspace)),
      });
      viewers.push({ name, client, session });
    }
    await app.user('other');
    const user = { id: await idOf('admin'), name: 'admin' };
    viewers.push({ name: 'administrator', client: admin, session: sessionOf({ user, isAdmin: true }) });
    for (const { name, client, session } of viewers.filter(({ name }) => READERS.includes(name))) {
      const { made } = await client.run<{ made: { token: string } }>(
        'mutation { made: createAccessToken(input: { name: "reader", scopes: [READ] }) { token } }',
      );
      const reader = sessionOf({ ...session, scopes: ['READ'] });
      viewers.push({ name: `${name}, READ`, client: createApiClient(app.url, made.token), session: reader });
    }
    const maker = { id: await idOf(accountOf(MAKER)), name: accountOf(MAKER) };
    const stranger = { id: await idOf('other'), name: 'other' };
    return new PermissionStage(
      app,
      viewers,
      { own: team, foreign: other, public: other },
      { own: maker, foreign: stranger, public: stranger },
      opened.move(),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closing.disposeAsync();
  }

  /** An object of this kind, as everybody before has left it: who has changed it {@link spend}s it. */
  async thing(kind: Kind, side: Side): Promise<Thing> {
    const key = `${kind} ${side}`;
    const known = this.#things.get(key) ?? this.#make(kind, side);
    this.#things.set(key, known);
    return await known;
  }

  spend(kind: Kind, side: Side): void {
    this.#things.delete(`${kind} ${side}`);
  }

  /** A name that nothing has. */
  freshName(): string {
    this.#count += 1;
    return `fresh-${this.#count}`;
  }

  /** Everything that is stored, but for what is written down of every request: equal if and only if nothing was changed. */
  async fingerprint(): Promise<string> {
    const { database } = this.app;
    const tables = await database.query<{ name: string }>(
      `select table_name as name from information_schema.tables
        where table_schema = 'public' and table_type = 'BASE TABLE' and table_name not like 'audit_%' order by 1`,
    );
    const parts = tables.map(
      ({ name }) => `select '${name}' as name, count(*) as rows,
        md5(string_agg(text, '' order by text)) as content
        from (select (to_jsonb(t) - 'last_used_at')::text as text from "${name}" t) all_rows`,
    );
    const rows = await database.query(`${parts.join(' union all ')}
      union all select 'jobs', count(*), md5(string_agg(id::text || state::text, '' order by id)) from pgboss.job order by name`);
    return JSON.stringify(rows);
  }

  async #make(kind: Kind, side: Side): Promise<Thing> {
    const place = this.places[side];
    const owner = this.owners[side];
    const { admin, engine, database } = this.app;
    const name = this.freshName();
    const thing = { side, place, ownerId: owner.id, name: place.name };
    const image = async () =>
      await makeImage(admin, {
        reference: `images.test/${place.name}/${name}:1`,
        workspaceId: place.workspace,
        visibility: side === 'public' ? 'PUBLIC' : 'PRIVATE',
      });
    const build = async () => {
      const { build: made, userErrors } = await sendBuild(admin, {
        workspaceId: place.workspace,
        image: { name, namespace: place.name },
        buildConfig: { dockerfile: 'FROM scratch\n' },
      });
      if (made === null) throw new Error(JSON.stringify(userErrors));
      await database.query('update image_build set created_by_id = $2 where id = $1', [
        uuidOf(made.id),
        owner.id,
      ]);
      return made.id;
    };
    switch (kind) {
      case 'image':
        return { ...thing, name, id: (await image()).id };
      case 'deleted image': {
        const { id } = await image();
        await deleteImage(admin, { id });
        return { ...thing, name, id };
      }
      case 'build':
        return { ...thing, id: await build() };
      case 'canceled build': {
        const id = await build();
        await cancel(admin, id);
        return { ...thing, id };
      }
      case 'namespace':
      case 'place':
        return { ...thing, id: globalId('Namespace', place.namespaceId) };
      case 'workspace':
        return { ...thing, id: place.workspace };
      case 'default workspace': {
        const { it } = await admin.run<{ it: { id: string } }>('{ it: workspace(name: "default") { id } }');
        return { ...thing, name: 'default', id: it.id };
      }
      case 'empty namespace':
      case 'empty workspace':
        return { ...thing, name, id: await this.#makeEmpty(kind, name, place) };
      case 'notebook':
        return { ...thing, id: addNotebook(engine, { owner: owner.name, workspace: place.name }).id };
      case 'token': {
        const { made } = await admin.run<{ made: { accessToken: { id: string } } }>(
          'mutation ($input: CreateAccessTokenInput!) { made: createAccessToken(input: $input) { accessToken { id } } }',
          { input: { name, userName: owner.name } },
        );
        return { ...thing, id: made.accessToken.id };
      }
      case 'user':
        return { ...thing, name: owner.name, id: globalId('User', owner.id) };
      case 'audit event': {
        const [event] = await database.query<{ id: string }>('select id from audit_event limit 1');
        return { ...thing, id: globalId('AuditEvent', event?.id ?? randomUUID()) };
      }
    }
  }

  /** One with nothing in it, and with the members of the place's own. */
  async #makeEmpty(kind: 'empty namespace' | 'empty workspace', name: string, place: Place): Promise<string> {
    const scope = kind === 'empty namespace' ? 'namespace' : 'workspace';
    const { id } = await makeScope(this.app.admin, scope, { name });
    await this.app.database.query(
      `insert into ${scope}_member (${scope}_id, user_id, role)
        select $2, user_id, role from ${scope}_member where ${scope}_id = $1`,
      [place[`${scope}Id`], uuidOf(id)],
    );
    return id;
  }
}
