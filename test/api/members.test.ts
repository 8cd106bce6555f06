import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { finished, requestBuild, startBuild } from '../support/builds.ts';
import { type ApiClient, createApiClient, type RefusedError } from '../support/client.ts';
import { codes, errorCode, type ImageFacts, makeImage } from '../support/images.ts';
import { gate, until } from '../support/until.ts';

/**
 * The stage: a namespace `team` and a workspace `lab`, each with a VIEWER, a DEVELOPER and an OWNER; a private and a public
 * image in the namespace and the workspace; a stranger who holds no role.
 */
let slipway: TestApp;
let admin: ApiClient;
let stranger: ApiClient;
let privateImage: ImageFacts;
let publicImage: ImageFacts;
const ids = { team: '', lab: '', defaultWorkspace: '' };
const people: Record<string, ApiClient> = {};
const person = (name: string): ApiClient => {
  const client = people[name];
  if (client === undefined) throw new Error(`nobody is called ${name}`);
  return client;
};

const ROLES = ['VIEWER', 'DEVELOPER', 'OWNER'] as const;
const SET_NAMESPACE_MEMBER = `mutation ($input: SetNamespaceMemberInput!) {
  setNamespaceMember(input: $input) { namespace { members { role user { name } } } userErrors { code path } }
}`;
const SET_WORKSPACE_MEMBER = `mutation ($input: SetWorkspaceMemberInput!) {
  setWorkspaceMember(input: $input) { workspace { members { role user { name } } } userErrors { code path } }
}`;

beforeAll(async () => {
  slipway = await createTestApp();
  admin = slipway.admin;
  stranger = await slipway.user('stranger');
  const made = await admin.run<
    Record<'ns' | 'ws' | 'other', { namespace: Named; workspace: Named }>
  >(`mutation {
    ns: createNamespace(input: { name: "team", displayName: "Team" }) { namespace { id } }
    ws: createWorkspace(input: { name: "lab" }) { workspace { id } }
    other: createNamespace(input: { name: "other" }) { namespace { id } }
  }`);
  ids.team = made.ns.namespace.id;
  ids.lab = made.ws.workspace.id;
  const { workspace } = await admin.run<{ workspace: Named }>('{ workspace(name: "default") { id } }');
  ids.defaultWorkspace = workspace.id;
  for (const role of ROLES) {
    for (const [where, query, target] of [
      ['team', SET_NAMESPACE_MEMBER, { namespaceId: ids.team }],
      ['lab', SET_WORKSPACE_MEMBER, { workspaceId: ids.lab }],
    ] as const) {
      const userName = `${where}-${role.toLowerCase()}`;
      people[userName] = await slipway.user(userName);
      await admin.run(query, { input: { ...target, userName, role } });
    }
  }
  const place = { workspaceId: ids.lab };
  privateImage = await makeImage(admin, { reference: 'team/hidden:1', ...place });
  publicImage = await makeImage(admin, { reference: 'team/shown:1', visibility: 'PUBLIC', ...place });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

interface Named {
  readonly id: string;
  readonly name: string;
}

describe('reading images', () => {
  const READ = `query ($id: ID!) {
    image(id: $id) { name } node(id: $id) { id } nodes(ids: [$id]) { id }
    imageByName(namespace: "team", name: "hidden", tag: "1") { name }
    images(filter: { namespace: "team" }, orderBy: { field: NAME }) { nodes { name } totalCount }
  }`;

  it.each(['team-viewer', 'team-developer', 'team-owner', 'lab-viewer', 'lab-developer', 'lab-owner'])(
    'is for members of the namespace or the workspace, such as %s',
    async (name) => {
      const seen = await person(name).run<Record<string, unknown>>(READ, { id: privateImage.id });
      expect(seen).toMatchObject({
        image: { name: 'hidden' },
        node: { id: privateImage.id },
        nodes: [{ id: privateImage.id }],
        imageByName: { name: 'hidden' },
        images: { nodes: [{ name: 'shown' }, { name: 'hidden' }], totalCount: 2 },
      });
    },
  );

  it('shows strangers public images only: in lists, counts, nodes and by name', async () => {
    const seen = await stranger.run<Record<string, unknown>>(READ, { id: privateImage.id });
    expect(seen).toEqual({
      image: null,
      node: null,
      nodes: [null],
      imageByName: null,
      images: { nodes: [{ name: 'shown' }], totalCount: 1 },
    });
    const unknown = Buffer.from('Image:11111111-2222-4333-8444-555555555555').toString('base64url');
    const missing = await stranger.run<Record<string, unknown>>(READ, { id: unknown });
    expect(missing).toEqual(seen);
  });

  it('shows a stranger no more through a public image than the names it belongs to', async () => {
    await slipway.database.query(
      "update namespace set display_name = 'Team', description = 'Plans' where name = 'team'",
    );
    await slipway.database.query(
      "update workspace set display_name = 'Lab', description = 'Plans' where name = 'lab'",
    );
    const { image } = await stranger.run<{ image: Record<string, unknown> }>(
      `query ($id: ID!) { image(id: $id) {
        viewerPermissions
        namespace { name displayName description viewerRole members { role } images(first: 10) { nodes { name } totalCount } }
        workspace { name displayName description viewerRole members { role } images { nodes { name } totalCount } builds { totalCount } }
        builds { totalCount }
      } }`,
      { id: publicImage.id },
    );
    const shown = { nodes: [{ name: 'shown' }], totalCount: 1 };
    const unsaid = { displayName: null, description: null };
    expect(image).toEqual({
      viewerPermissions: ['READ'],
      namespace: { name: 'team', ...unsaid, viewerRole: null, members: [], images: shown },
      workspace: {
        name: 'lab',
        ...unsaid,
        viewerRole: null,
        members: [],
        images: shown,
        builds: { totalCount: 0 },
      },
      builds: { totalCount: 0 },
    });
    const SAID = `query ($id: ID!) { image(id: $id) {
      namespace { displayName description } workspace { displayName description }
    } }`;
    const plans = (displayName: string) => ({ displayName, description: 'Plans' });
    expect(await person('team-viewer').run(SAID, { id: publicImage.id })).toEqual({
      image: { namespace: plans('Team'), workspace: unsaid },
    });
    expect(await person('lab-viewer').run(SAID, { id: publicImage.id })).toEqual({
      image: { namespace: unsaid, workspace: plans('Lab') },
    });
    expect(await admin.run(SAID, { id: publicImage.id })).toEqual({
      image: { namespace: plans('Team'), workspace: plans('Lab') },
    });
  });

  it.each([
    ['team-viewer', ['READ']],
    ['team-developer', ['READ', 'UPDATE', 'DELETE', 'SHARE']],
    ['team-owner', ['READ', 'UPDATE', 'DELETE', 'SHARE']],
    ['lab-owner', ['READ']],
  ])('tells %s what they may do: %j', async (name, permissions) => {
    const { image } = await person(name).run<{ image: ImageFacts }>(
      'query ($id: ID!) { image(id: $id) { viewerPermissions } }',
      { id: privateImage.id },
    );
    expect(image.viewerPermissions).toEqual(permissions);
  });
});

describe('writing images', () => {
  const UPDATE =
    'mutation ($id: ID!) { updateImage(input: { id: $id, description: "x" }) { image { id } userErrors { code path } } }';
  const REGISTER =
    'mutation ($input: RegisterImageInput!) { registerImage(input: $input) { userErrors { code path } } }';

  it.each(['team-developer', 'team-owner'])('is for %s', async (name) => {
    const { updateImage } = await person(name).run<{ updateImage: { image: unknown } }>(UPDATE, {
      id: privateImage.id,
    });
    expect(updateImage.image).toEqual({ id: privateImage.id });
    await makeImage(person(name), { reference: `team/by-${name}:1` });
  });

  it.each(['team-viewer', 'lab-owner'])('is FORBIDDEN for %s, who only sees them', async (name) => {
    expect(await errorCode(person(name), UPDATE, { id: privateImage.id })).toBe('FORBIDDEN');
  });

  it('takes a role on the workspace that it names, unless that is the default one', async () => {
    const developer = person('team-developer');
    const input = { reference: 'team/placed:1' };
    const unseen = await developer.run<{ registerImage: { userErrors: never[] } }>(REGISTER, {
      input: { ...input, workspaceId: ids.lab },
    });
    expect(codes(unseen.registerImage.userErrors)).toEqual(['NOT_FOUND workspaceId']);
    await admin.run(SET_WORKSPACE_MEMBER, {
      input: { workspaceId: ids.lab, userName: 'team-developer', role: 'VIEWER' },
    });
    expect(await errorCode(developer, REGISTER, { input: { ...input, workspaceId: ids.lab } })).toBe(
      'FORBIDDEN',
    );
    await admin.run(SET_WORKSPACE_MEMBER, {
      input: { workspaceId: ids.lab, userName: 'team-developer', role: 'DEVELOPER' },
    });
    await makeImage(developer, { ...input, workspaceId: ids.lab });
    await admin.run(SET_WORKSPACE_MEMBER, {
      input: { workspaceId: ids.lab, userName: 'team-developer', role: null },
    });
    await makeImage(developer, { reference: 'team/placed:2', workspaceId: ids.defaultWorkspace });
  });

  it('answers alike for a namespace that is not there and one that the viewer may not see', async () => {
    const ask = async (namespace: string) => {
      const { registerImage } = await stranger.run<{
        registerImage: { userErrors: { code: string; message: string }[] };
      }>(
        'mutation ($input: RegisterImageInput!) { registerImage(input: $input) { userErrors { code path message } } }',
        { input: { reference: 'x:1', namespace } },
      );
      return registerImage.userErrors.map(({ message, ...rest }) => ({
        ...rest,
        message: message.replace(namespace, '…'),
      }));
    };
    expect(await ask('team')).toEqual(await ask('not-there'));
    expect(await ask('team')).toMatchObject([{ code: 'NOT_FOUND', path: ['namespace'] }]);
  });
});

describe('namespaces and workspaces', () => {
  it('are listed for their members; the default workspace for everyone', async () => {
    const LISTS = `{
      namespaces { nodes { name viewerRole } totalCount }
      workspaces { nodes { name isDefault viewerRole } totalCount }
    }`;
    expect(await person('team-viewer').run(LISTS)).toEqual({
      namespaces: { nodes: [{ name: 'team', viewerRole: 'VIEWER' }], totalCount: 1 },
      workspaces: { nodes: [{ name: 'default', isDefault: true, viewerRole: null }], totalCount: 1 },
    });
    expect(await person('lab-owner').run(LISTS)).toMatchObject({
      namespaces: { nodes: [], totalCount: 0 },
      workspaces: { nodes: [{ name: 'default' }, { name: 'lab', viewerRole: 'OWNER' }], totalCount: 2 },
    });
    const all = await admin.run<Record<string, { nodes: Named[] }>>(LISTS);
    expect(all['namespaces']?.nodes.map(({ name }) => name)).toEqual(['default', 'other', 'team']);
  });

  it('are found by id and by name, in one way at a time, by those who may see them', async () => {
    const FIND = `query ($team: ID!, $lab: ID!) {
      namespace(name: "team") { displayName } workspace(name: "lab") { name } byId: workspace(id: $lab) { name }
      a: node(id: $team) { id } b: node(id: $lab) { id }
    }`;
    expect(await admin.run(FIND, ids)).toEqual({
      namespace: { displayName: 'Team' },
      workspace: { name: 'lab' },
      byId: { name: 'lab' },
      a: { id: ids.team },
      b: { id: ids.lab },
    });
    expect(await stranger.run(FIND, ids)).toEqual({
      namespace: null,
      workspace: null,
      byId: null,
      a: null,
      b: null,
    });
    const wrong = [
      '{ workspace { id } }',
      '{ workspace(id: "x", name: "lab") { id } }',
      '{ workspace(id: "x") { id } }',
    ];
    for (const query of wrong) expect(await errorCode(admin, query)).toBe('BAD_USER_INPUT');
  });

  it('are made by administrators only, with a legal name that is free', async () => {
    for (const what of ['Namespace', 'Workspace']) {
      const query = `mutation ($input: Create${what}Input!) {
        made: create${what}(input: $input) { ${what.toLowerCase()} { name } userErrors { code path } }
      }`;
      const make = async (input: Record<string, unknown>) =>
        codes((await admin.run<{ made: { userErrors: never[] } }>(query, { input })).made.userErrors);
      expect(await make({ name: 'Fresh' })).toEqual(['PATTERN name']);
      expect(await make({ name: 'default' })).toEqual(['NAME_TAKEN name']);
      expect(await make({ name: 'default', description: 'x'.repeat(513) })).toEqual([
        'NAME_TAKEN name',
        'TOO_LONG description',
      ]);
      expect(await make({ name: '', displayName: 'x'.repeat(257), description: 'x'.repeat(513) })).toEqual([
        'PATTERN name',
        'TOO_LONG description',
        'TOO_LONG displayName',
      ]);
      expect(await make({ name: 'long', displayName: '名'.repeat(256) })).toEqual([]);
      expect(await errorCode(person('team-owner'), query, { input: { name: 'mine' } })).toBe('FORBIDDEN');
    }
  });
});

describe('members', () => {
  it('are set and taken away by owners; the user is made on first sight', async () => {
    const owner = person('team-owner');
    const set = async (userName: string, role: string | null) => {
      const { setNamespaceMember } = await owner.run<{
        setNamespaceMember: { namespace: { members: { role: string; user: Named }[] } };
      }>(SET_NAMESPACE_MEMBER, { input: { namespaceId: ids.team, userName, role } });
      return setNamespaceMember.namespace.members.find(({ user }) => user.name === userName)?.role;
    };
    expect(await set('newcomer', 'VIEWER')).toBe('VIEWER');
    expect(await set('newcomer', 'DEVELOPER')).toBe('DEVELOPER');
    expect(await set('newcomer', null)).toBeUndefined();
    expect(await set('newcomer', null)).toBeUndefined();
  });

  it('are not made in order to be none, nor to look like the operator', async () => {
    const set = async (userName: string, role: string | null) => {
      const input = { namespaceId: ids.team, userName, role };
      const { setNamespaceMember } = await person('team-owner').run<{
        setNamespaceMember: { userErrors: never[] };
      }>(SET_NAMESPACE_MEMBER, { input });
      return codes(setNamespaceMember.userErrors);
    };
    expect(await set('never-seen', null)).toEqual([]);
    expect(await set('ADMIN', null)).toEqual([]);
    expect(await set('ADMIN', 'VIEWER')).toEqual(['NOT_ALLOWED userName']);
    expect(
      await slipway.database.query("select from user_account where name in ('never-seen', 'ADMIN')"),
    ).toEqual([]);
  });

  it.each([
    ['namespace', SET_NAMESPACE_MEMBER, 'namespaceId'],
    ['workspace', SET_WORKSPACE_MEMBER, 'workspaceId'],
  ] as const)('of a %s are at most 1,000', async (what, query, field) => {
    const id = what === 'namespace' ? ids.team : ids.lab;
    const name = what === 'namespace' ? 'team' : 'lab';
    const set = async (userName: string, role: string | null) => {
      const answer = await admin.run<Record<string, { userErrors: never[] }>>(query, {
        input: { [field]: id, userName, role },
      });
      return Object.values(answer).flatMap(({ userErrors }) => codes(userErrors));
    };
    await slipway.database.query(
      `with crowd as (
        insert into user_account (id, name, kind, is_admin, created_at)
          select gen_random_uuid(), $1 || i, 'PERSON', false, now()
          from generate_series(1, 1000 - (select count(*)::int from ${what}_member m join ${what} s on s.id = ${what}_id where s.name = $2)) i
          returning id
      ) insert into ${what}_member select s.id, crowd.id, 'VIEWER' from crowd, ${what} s where s.name = $2`,
      [`${what}-crowd-`, name],
    );
    expect(await set(`${what}-more`, 'VIEWER')).toEqual(['TOO_MANY userName']);
    expect(await set(`${what}-crowd-1`, 'DEVELOPER')).toEqual([]);
    expect(await set(`${what}-crowd-1`, null)).toEqual([]);
    expect(await set(`${what}-more`, 'VIEWER')).toEqual([]);
    await slipway.database.query('delete from user_account where name like $1', [`${what}-%`]);
  });

  it('hold their new rights with the next request', async () => {
    const changing = await slipway.user('changing');
    const count = async () =>
      (
        await changing.run<{ images: { totalCount: number } }>(
          '{ images(filter: { search: "hidden" }) { totalCount } }',
        )
      ).images.totalCount;
    expect(await count()).toBe(0);
    const input = { namespaceId: ids.team, userName: 'changing' };
    await admin.run(SET_NAMESPACE_MEMBER, { input: { ...input, role: 'VIEWER' } });
    expect(await count()).toBe(1);
    await admin.run(SET_NAMESPACE_MEMBER, { input: { ...input, role: null } });
    expect(await count()).toBe(0);
  });

  it.each([
    ['namespace', SET_NAMESPACE_MEMBER, 'team-developer', 'namespaceId'],
    ['workspace', SET_WORKSPACE_MEMBER, 'lab-developer', 'workspaceId'],
  ] as const)(
    'of a %s: FORBIDDEN below OWNER, NOT_FOUND for strangers',
    async (_what, query, name, field) => {
      const input = { [field]: field === 'namespaceId' ? ids.team : ids.lab, userName: 'x', role: 'OWNER' };
      expect(await errorCode(person(name), query, { input })).toBe('FORBIDDEN');
      const answer = await stranger.run<Record<string, { userErrors: never[] }>>(query, { input });
      expect(Object.values(answer).flatMap(({ userErrors }) => codes(userErrors))).toEqual([
        `NOT_FOUND ${field}`,
      ]);
    },
  );

  it.each([
    ['namespace', SET_NAMESPACE_MEMBER, 'namespaceId'],
    ['workspace', SET_WORKSPACE_MEMBER, 'workspaceId'],
  ] as const)('of a %s keep their role where none is said', async (what, query, field) => {
    const id = what === 'namespace' ? ids.team : ids.lab;
    const set = async (input: Record<string, unknown>) => {
      const answer = await admin.run<Record<string, { userErrors: never[] }>>(query, { input });
      return Object.values(answer).flatMap(({ userErrors }) => codes(userErrors));
    };
    const roleOf = async (userName: string) =>
      await slipway.database.query(
        `select role from ${what}_member join user_account u on u.id = user_id where u.name = $1`,
        [userName],
      );
    expect(await set({ [field]: id, userName: 'kept', role: 'VIEWER' })).toEqual([]);
    expect(await set({ [field]: id, userName: 'kept' })).toEqual(['REQUIRED role']);
    expect(await roleOf('kept')).toEqual([{ role: 'VIEWER' }]);
    expect(await set({ [field]: id, userName: 'kept', role: null })).toEqual([]);
    expect(await roleOf('kept')).toEqual([]);
    expect(await set({ [field]: 'nonsense', userName: '' })).toEqual([
      `INVALID ${field}`,
      'PATTERN userName',
      'REQUIRED role',
    ]);
  });

  it('have names of letters, digits and a few signs', async () => {
    for (const userName of ['', '-x', 'a b', '名', 'x'.repeat(65)]) {
      const { setNamespaceMember } = await admin.run<{ setNamespaceMember: { userErrors: never[] } }>(
        SET_NAMESPACE_MEMBER,
        { input: { namespaceId: ids.team, userName, role: 'VIEWER' } },
      );
      expect(codes(setNamespaceMember.userErrors)).toEqual(['PATTERN userName']);
    }
  });
});

describe('builds', () => {
  const DOCKERFILE = 'FROM scratch\n';
  const SEEN = `query ($id: ID!) {
    imageBuild(id: $id) { id } node(id: $id) { id } imageBuilds { nodes { id } totalCount }
    workspace(name: "default") { builds { totalCount } }
  }`;
  const CANCEL = `mutation ($id: ID!) {
    cancelImageBuild(input: { id: $id }) { build { status canceledBy { name } } userErrors { code path } }
  }`;
  let buildId: string;
  const hold = gate();

  beforeAll(async () => {
    slipway.engine.onBuild(async function* (_, { signal }) {
      await Promise.race([hold.opened, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
      signal.throwIfAborted();
      yield { kind: 'result', imageId: 'sha256:held' };
    });
    const build = await startBuild(admin, {
      dockerfile: DOCKERFILE,
      name: 'held',
      reference: reference('held'),
    });
    buildId = build.id;
    await until('the build to run', () => slipway.engine.running === 1);
  });

  const reference = (name: string) => `${slipway.engine.registry.host}/team/${name}:1`;

  it('are seen by members of their namespace, and by nobody else', async () => {
    expect(await person('team-viewer').run(SEEN, { id: buildId })).toMatchObject({
      imageBuild: { id: buildId },
      node: { id: buildId },
      imageBuilds: { nodes: [{ id: buildId }], totalCount: 1 },
      workspace: { builds: { totalCount: 1 } },
    });
    expect(await stranger.run(SEEN, { id: buildId })).toEqual({
      imageBuild: null,
      node: null,
      imageBuilds: { nodes: [], totalCount: 0 },
      workspace: { builds: { totalCount: 0 } },
    });
  });

  it.each([
    ['imageBuildStatus', 'subscription ($id: ID!) { imageBuildStatus(buildId: $id) { version } }'],
    ['imageBuildLogs', 'subscription ($id: ID!) { imageBuildLogs(buildId: $id) { __typename } }'],
  ])('of others cannot be followed: %s answers NOT_FOUND over the socket', async (_what, query) => {
    const refusal = async (client: ApiClient, id: string) => {
      try {
        for await (const event of client.subscribe(query, { id })) return event;
      } catch (error) {
        return (error as RefusedError).errors[0];
      }
      return null;
    };
    const hidden = await refusal(stranger, buildId);
    expect(hidden).toMatchObject({ extensions: { code: 'NOT_FOUND' } });
    const missing = Buffer.from('ImageBuild:11111111-2222-4333-8444-555555555555').toString('base64url');
    expect(await refusal(stranger, missing)).toEqual(hidden);
    expect(await refusal(stranger, privateImage.id)).toEqual(hidden);
    expect(await refusal(admin, 'nonsense')).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } });
  });

  it('of others are cancelled by developers, not by viewers, and not found by strangers', async () => {
    expect(await errorCode(person('team-viewer'), CANCEL, { id: buildId })).toBe('FORBIDDEN');
    const { cancelImageBuild: unseen } = await stranger.run<{ cancelImageBuild: { userErrors: never[] } }>(
      CANCEL,
      {
        id: buildId,
      },
    );
    expect(codes(unseen.userErrors)).toEqual(['NOT_FOUND id']);
    const { cancelImageBuild } = await person('team-developer').run<{ cancelImageBuild: unknown }>(CANCEL, {
      id: buildId,
    });
    expect(cancelImageBuild).toMatchObject({
      build: { status: 'CANCELING', canceledBy: { name: 'team-developer' } },
      userErrors: [],
    });
    expect((await finished(admin, buildId)).status).toBe('CANCELED');
    hold.open();
  });

  it('are asked for by developers of the namespace', async () => {
    const ask = { dockerfile: DOCKERFILE, name: 'asked', reference: reference('asked') };
    const { userErrors } = await requestBuild(stranger, ask);
    expect(codes(userErrors)).toEqual(['NOT_FOUND image.namespace']);
    expect(userErrors[0]?.message).toBe('you have no role on a namespace team; ask an administrator for one');
    await expect(requestBuild(person('team-viewer'), ask)).rejects.toThrow('FORBIDDEN');
    const build = await startBuild(person('team-developer'), ask);
    expect((await finished(person('team-developer'), build.id)).status).toBe('SUCCEEDED');
  });

  it('are gone for who asked for them and holds no role now, and theirs to cancel while they see them', async () => {
    const leaving = await slipway.user('leaving');
    const setRole = async (role: string | null) =>
      await admin.run(SET_NAMESPACE_MEMBER, {
        input: { namespaceId: ids.team, userName: 'leaving', role },
      });
    await setRole('DEVELOPER');
    const held = gate();
    slipway.engine.onBuild(async function* (_, { signal }) {
      await Promise.race([held.opened, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
      signal.throwIfAborted();
      yield { kind: 'result', imageId: 'sha256:left' };
    });
    const ask = { dockerfile: DOCKERFILE, name: 'left', reference: reference('left') };
    const { id } = await startBuild(leaving, ask);
    await setRole(null);
    expect(await leaving.run(SEEN, { id })).toEqual({
      imageBuild: null,
      node: null,
      imageBuilds: { nodes: [], totalCount: 0 },
      workspace: { builds: { totalCount: 0 } },
    });
    const cancel = async () =>
      (await leaving.run<{ cancelImageBuild: { userErrors: never[]; build: unknown } }>(CANCEL, { id }))
        .cancelImageBuild;
    expect(codes((await cancel()).userErrors)).toEqual(['NOT_FOUND id']);
    await setRole('VIEWER');
    expect(await cancel()).toMatchObject({
      build: { canceledBy: { name: 'leaving' } },
      userErrors: [],
    });
    expect((await finished(leaving, id)).status).toBe('CANCELED');
    held.open();
    slipway.engine.onBuild(null);
  });
});

describe('who is asking', () => {
  it('is told by viewer, with all roles', async () => {
    const VIEWER = `{ viewer {
      isAdmin user { name } namespaces { role namespace { name } } workspaces { role workspace { name } }
    } }`;
    expect(await admin.run(VIEWER)).toMatchObject({ viewer: { isAdmin: true, user: { name: 'admin' } } });
    expect(await person('lab-developer').run(VIEWER)).toEqual({
      viewer: {
        isAdmin: false,
        user: { name: 'lab-developer' },
        namespaces: [],
        workspaces: [{ role: 'DEVELOPER', workspace: { name: 'lab' } }],
      },
    });
  });

  it.each(['', 'wrong', 'slw_wrong'])('is UNAUTHENTICATED with the token %j', async (token) => {
    expect(await errorCode(createApiClient(slipway.url, token), '{ viewer { isAdmin } }')).toBe(
      'UNAUTHENTICATED',
    );
  });
});
