import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type GraphQLInputType, getNamedType, isInputObjectType, isObjectType } from 'graphql';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createSchema } from '../../src/graphql/schema.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { sendBuild } from '../support/builds.ts';
import { type ApiClient, RefusedError } from '../support/client.ts';
import { digestOf } from '../support/fake-engine.ts';
import { codes, deleteImage, globalId, makeImage } from '../support/images.ts';
import { record } from '../support/imports.ts';
import { addNotebook } from '../support/notebooks.ts';
import { cancel } from '../support/running-builds.ts';
import { makeScope, setRole } from '../support/scopes.ts';
import { until } from '../support/until.ts';

/**
 * Somebody has got hold of the ids and names of another tenant's things, and gives them wherever the API takes an id or a name. The
 * answer has to be that of an id or a name of nothing, byte for byte, at the cost of the same statements.
 */
let slipway: TestApp;
let admin: ApiClient;
const attackers: (readonly [string, ApiClient])[] = [];
/** What the attackers have themselves. */
const own = { image: '', build: '', workspace: '', notebook: '' };
/** Global ids of the other tenant's. */
const foreign = new Map<string, string>();

const uuidOf = (id: string) => Buffer.from(id, 'base64url').toString().split(':')[1] as string;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false, env: { SLIPWAY_RATE_LIMIT: '0' } });
  ({ admin } = slipway);
  const { engine } = slipway;
  const mine = await makeScope(admin, 'namespace', { name: 'mine' });
  own.workspace = (await makeScope(admin, 'workspace', { name: 'mine' })).id;
  const theirs = await makeScope(admin, 'namespace', { name: 'hidden-namespace' });
  const theirWorkspace = await makeScope(admin, 'workspace', { name: 'hidden-workspace' });
  for (const name of ['stranger', 'developer', 'owner']) {
    attackers.push([name, await slipway.user(name)]);
    if (name === 'stranger') continue;
    await setRole(admin, 'namespace', mine.id, name, name.toUpperCase());
    await setRole(admin, 'workspace', own.workspace, name, name.toUpperCase());
  }
  const other = await slipway.user('other');
  await setRole(admin, 'namespace', theirs.id, 'other', 'OWNER');
  await setRole(admin, 'workspace', theirWorkspace.id, 'other', 'OWNER');
  const build = async (namespace: string, workspaceId: string) => {
    const made = await sendBuild(admin, {
      workspaceId,
      image: { name: 'hidden-built', namespace },
      buildConfig: { dockerfile: 'FROM scratch' },
    });
    return made.build?.id as string;
  };
  const input = { workspaceId: own.workspace, reference: 'images.test/mine/seen:1' };
  own.image = (await makeImage(admin, input)).id;
  own.build = await build('mine', own.workspace);
  own.notebook = addNotebook(engine, { owner: 'developer', workspace: 'mine' }).id;
  engine.registry.put('hidden-namespace/secret', '1', {
    digest: digestOf('secret'),
    sizeBytes: 7,
    layers: [],
    architecture: 'amd64',
    configDigest: digestOf('secret config'),
  });
  const { host } = engine.registry;
  const hidden = { workspaceId: theirWorkspace.id, reference: `${host}/hidden-namespace/secret:1` };
  // It needs what the attackers have: so whether it is there could be told from circles, too.
  const image = await makeImage(admin, { ...hidden, dependencies: ['mine/seen:1'] });
  const gone = await makeImage(admin, { ...hidden, reference: 'images.test/hidden-namespace/gone:1' });
  await deleteImage(admin, { id: gone.id });
  const ended = await build('hidden-namespace', theirWorkspace.id);
  await cancel(admin, ended);
  const { made } = await other.run<{ made: { accessToken: { id: string } } }>(
    'mutation { made: createAccessToken(input: { name: "theirs" }) { accessToken { id } } }',
  );
  foreign.set('Image', image.id);
  foreign.set('deleted Image', gone.id);
  foreign.set('ImageBuild', await build('hidden-namespace', theirWorkspace.id));
  foreign.set('ended ImageBuild', ended);
  foreign.set('Namespace', theirs.id);
  foreign.set('Workspace', theirWorkspace.id);
  foreign.set('Notebook', addNotebook(engine, { owner: 'other', workspace: 'hidden-workspace' }).id);
  foreign.set('AccessToken', made.accessToken.id);
  const [event] = await slipway.database.query<{ id: string }>('select id from audit_event limit 1');
  foreign.set('AuditEvent', globalId('AuditEvent', event?.id));
}, 60_000);
afterAll(async () => await slipway[Symbol.asyncDispose]());

// The attacks.

interface Operation {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Names of the other tenant's things, and others of the same length that nothing has. */
const NAMES = {
  namespace: ['hidden-namespace', 'absent-namespace'],
  workspace: ['hidden-workspace', 'absent-workspace'],
  image: ['secret', 'absent'],
} as const;

interface Attack {
  /** Of which thing the id is given, or the name of which. */
  readonly of: string | keyof typeof NAMES;
  readonly operation: (given: string) => Operation;
}

/** A mutation's payload with all that it may tell. */
const TOLD = 'userErrors { code message path details } clientMutationId';

const mutation =
  (field: string, input: (given: string) => Record<string, unknown>, more = '') =>
  (given: string): Operation => ({
    query: `mutation ($input: ${field.charAt(0).toUpperCase()}${field.slice(1)}Input!) {
      ${field}(input: $input) { ${TOLD} ${more} } }`,
    variables: { input: input(given) },
  });
const query =
  (text: string, more: () => Record<string, unknown> = () => ({})) =>
  (given: string): Operation => ({ query: text, variables: { given, ...more() } });

const LIST = '{ nodes { id } totalCount pageInfo { hasNextPage endCursor } }';
const FILTERED = {
  images: (filter: string) =>
    `query ($given: ID!) { images(filter: ${filter}) ${LIST} exportImages(filter: ${filter}) { count content sha256 }
      namespaces { nodes { images(filter: ${filter}) ${LIST} } } workspaces { nodes { images(filter: ${filter}) ${LIST} } } }`,
  builds: (filter: string) =>
    `query ($given: ID!) { imageBuilds(filter: ${filter}) ${LIST} workspaces { nodes { builds(filter: ${filter}) ${LIST} } } }`,
};
const text = (document: string) => document.replace('ID!', 'String!');
const NODE = `{ __typename id ... on Image { name version } ... on ImageBuild { status version }
  ... on Namespace { name } ... on Workspace { name } ... on Notebook { name } }`;

const register = (changes: (given: string) => Record<string, unknown>) =>
  mutation(
    'registerImage',
    (given) => ({
      reference: 'images.test/mine/fresh:1',
      workspaceId: own.workspace,
      validateOnly: true,
      ...changes(given),
    }),
    'warnings image { id }',
  );
const update = (changes: (given: string) => Record<string, unknown>) =>
  mutation('updateImage', (given) => ({ id: own.image, validateOnly: true, ...changes(given) }), 'warnings');
const build = (changes: (given: string) => Record<string, unknown>) =>
  mutation(
    'buildImage',
    (given) => ({
      workspaceId: own.workspace,
      image: { name: 'fresh', namespace: 'mine' },
      buildConfig: { dockerfile: 'FROM scratch' },
      validateOnly: true,
      ...changes(given),
    }),
    'warnings build { id }',
  );
const save = (changes: (given: string) => Record<string, unknown>) =>
  mutation(
    'saveImageFromNotebook',
    (given) => ({
      notebookId: own.notebook,
      workspaceId: own.workspace,
      namespace: 'mine',
      name: 'fresh',
      validateOnly: true,
      ...changes(given),
    }),
    'warnings build { id } image { id }',
  );
const importing = (changes: (given: string) => Record<string, unknown>) =>
  mutation(
    'importImages',
    (given) => ({
      namespace: 'mine',
      validateOnly: true,
      document: JSON.stringify([record('fresh')]),
      ...changes(given),
    }),
    'created updated unchanged failed rowErrorCount warnings rowErrors { index field code message }',
  );
const host = () => slipway.engine.registry.host;

/** For every argument and every input field that takes an id, and for those that take a name of something. */
const ATTACKS: Readonly<Record<string, readonly Attack[]>> = {
  'Query.node(id)': [...IDS()].map((of) => ({
    of,
    operation: query(`query ($given: ID!) { node(id: $given) ${NODE} }`),
  })),
  'Query.nodes(ids)': [...IDS()].map((of) => ({
    of,
    operation: query(`query ($given: ID!, $own: ID!) { nodes(ids: [$given, $own, $given]) ${NODE} }`, () => ({
      own: own.image,
    })),
  })),
  'Query.image(id)': ['Image', 'deleted Image'].map((of) => ({
    of,
    operation: query('query ($given: ID!) { image(id: $given) { id name version } }'),
  })),
  'Query.imageBuild(id)': [
    {
      of: 'ImageBuild',
      operation: query('query ($given: ID!) { imageBuild(id: $given) { id status logUrl } }'),
    },
  ],
  'Query.notebook(id)': [
    { of: 'Notebook', operation: query('query ($given: ID!) { notebook(id: $given) { id name status } }') },
  ],
  'Query.notebooks(workspaceId)': [
    { of: 'Workspace', operation: query(`query ($given: ID!) { notebooks(workspaceId: $given) ${LIST} }`) },
  ],
  'Query.renderCommand(imageId)': [
    {
      of: 'Image',
      operation: query(
        'query ($given: ID!) { renderCommand(imageId: $given, values: {}) { argv warnings userErrors { code message path details } } }',
      ),
    },
  ],
  'Query.workspace(id)': [
    { of: 'Workspace', operation: query('query ($given: ID!) { workspace(id: $given) { id name } }') },
  ],
  'Query.workspace(name)': [
    { of: 'workspace', operation: query('query ($given: String!) { workspace(name: $given) { id name } }') },
  ],
  'Query.namespace(name)': [
    { of: 'namespace', operation: query('query ($given: String!) { namespace(name: $given) { id name } }') },
  ],
  'Query.imageByName(namespace)': [
    {
      of: 'namespace',
      operation: query(
        'query ($given: String!) { imageByName(namespace: $given, name: "secret", tag: "1") { id } }',
      ),
    },
  ],
  'Query.imageByName(name)': [
    {
      of: 'image',
      operation: query(
        'query ($given: String!) { imageByName(namespace: "hidden-namespace", name: $given, tag: "1") { id } }',
      ),
    },
  ],
  'Query.user(name)': [
    { of: 'image', operation: query('query ($given: String!) { user(name: $given) { id } }') },
  ],
  'ImageFilter.dependsOn': [
    { of: 'Image', operation: query(FILTERED.images('{ dependsOn: $given }')) },
    { of: 'Image', operation: query(FILTERED.images('{ not: { dependsOn: $given } }')) },
  ],
  'ImageFilter.workspaceId': [
    { of: 'Workspace', operation: query(FILTERED.images('{ workspaceId: $given }')) },
    {
      of: 'Workspace',
      operation: query(FILTERED.images('{ includeDeleted: true, not: { workspaceId: $given } }')),
    },
  ],
  'ImageFilter.namespace': [
    { of: 'namespace', operation: query(text(FILTERED.images('{ or: [{ namespace: $given }] }'))) },
  ],
  'ImageBuildFilter.imageId': [{ of: 'Image', operation: query(FILTERED.builds('{ imageId: $given }')) }],
  'ImageBuildFilter.workspaceId': [
    { of: 'Workspace', operation: query(FILTERED.builds('{ workspaceId: $given }')) },
  ],
  'ImageBuildFilter.namespace': [
    { of: 'namespace', operation: query(text(FILTERED.builds('{ namespace: $given }'))) },
  ],
  'AuditEventFilter.objectId': [
    {
      of: 'Image',
      operation: query(`query ($given: ID!) { auditEvents(filter: { objectId: $given }) ${LIST} }`),
    },
  ],
  'AuditEventFilter.userName': [
    {
      of: 'image',
      operation: query(`query ($given: String!) { auditEvents(filter: { userName: $given }) ${LIST} }`),
    },
  ],

  'BuildImageInput.workspaceId': [{ of: 'Workspace', operation: build((workspaceId) => ({ workspaceId })) }],
  'BuildImageTargetInput.name': [
    { of: 'image', operation: build((name) => ({ image: { name, namespace: 'hidden-namespace' } })) },
  ],
  'BuildImageTargetInput.namespace': [
    { of: 'namespace', operation: build((namespace) => ({ image: { name: 'fresh', namespace } })) },
  ],
  'BuildImageTargetInput.reference': [
    {
      of: 'namespace',
      operation: build((given) => ({ image: { name: 'secret', reference: `${host()}/${given}/secret:1` } })),
    },
  ],
  'BuildConfigInput.dockerfile': [
    {
      of: 'image',
      operation: build((given) => ({
        buildConfig: { dockerfile: `FROM ${host()}/hidden-namespace/${given}:1` },
      })),
    },
  ],
  'BuildConfigInput.baseImage': [
    {
      of: 'image',
      operation: build((given) => ({
        buildConfig: {
          buildType: 'PACKAGE_INSTALLATION',
          baseImage: `${host()}/hidden-namespace/${given}:1`,
          packages: { pip: ['six'] },
        },
      })),
    },
  ],
  'CancelImageBuildInput.id': ['ImageBuild', 'ended ImageBuild'].map((of) => ({
    of,
    operation: mutation('cancelImageBuild', (id) => ({ id }), 'build { id status }'),
  })),
  'RetryImageBuildInput.id': ['ImageBuild', 'ended ImageBuild'].map((of) => ({
    of,
    operation: mutation(
      'retryImageBuild',
      (id) => ({ id, clientToken: randomUUID() }),
      'build { id } warnings',
    ),
  })),
  'SaveImageFromNotebookInput.notebookId': [
    { of: 'Notebook', operation: save((notebookId) => ({ notebookId })) },
  ],
  'SaveImageFromNotebookInput.workspaceId': [
    { of: 'Workspace', operation: save((workspaceId) => ({ workspaceId })) },
  ],
  'SaveImageFromNotebookInput.namespace': [
    { of: 'namespace', operation: save((namespace) => ({ namespace })) },
  ],
  'SaveImageFromNotebookInput.name': [
    { of: 'image', operation: save((name) => ({ name, namespace: 'hidden-namespace' })) },
  ],

  'RegisterImageInput.workspaceId': [
    { of: 'Workspace', operation: register((workspaceId) => ({ workspaceId })) },
  ],
  'RegisterImageInput.namespace': [{ of: 'namespace', operation: register((namespace) => ({ namespace })) }],
  'RegisterImageInput.name': [
    { of: 'image', operation: register((name) => ({ name, namespace: 'hidden-namespace' })) },
  ],
  'RegisterImageInput.reference': [false, true].flatMap((verify) =>
    ['mine', 'hidden-namespace'].map((namespace) => ({
      of: 'image',
      operation: register((given) => ({
        reference: `${host()}/hidden-namespace/${given}:1`,
        namespace,
        verify,
      })),
    })),
  ),
  'RegisterImageInput.dependencies': [
    // A circle, if the hidden one were told of: it depends on this name.
    {
      of: 'image',
      operation: register((given) => ({
        name: 'seen',
        tag: '1',
        dependencies: [`hidden-namespace/${given}:1`],
      })),
    },
  ],
  'UpdateImageInput.id': ['Image', 'deleted Image'].map((of) => ({
    of,
    operation: update((id) => ({ id, description: 'taken over', expectedVersion: 7 })),
  })),
  'UpdateImageInput.workspaceId': [
    { of: 'Workspace', operation: update((workspaceId) => ({ workspaceId })) },
  ],
  'UpdateImageInput.namespace': [{ of: 'namespace', operation: update((namespace) => ({ namespace })) }],
  'UpdateImageInput.name': [
    { of: 'image', operation: update((name) => ({ name, namespace: 'hidden-namespace' })) },
  ],
  'UpdateImageInput.reference': [false, true].map((verify) => ({
    of: 'image',
    operation: update((given) => ({ reference: `${host()}/hidden-namespace/${given}:1`, verify })),
  })),
  'UpdateImageInput.dependencies': [
    { of: 'image', operation: update((given) => ({ dependencies: [`hidden-namespace/${given}:1`] })) },
  ],
  'DeleteImageInput.id': ['Image', 'deleted Image'].map((of) => ({
    of,
    operation: mutation('deleteImage', (id) => ({ id, force: true }), 'image { id } warnings'),
  })),
  'RestoreImageInput.id': ['Image', 'deleted Image'].map((of) => ({
    of,
    operation: mutation('restoreImage', (id) => ({ id }), 'image { id } warnings'),
  })),
  'PurgeImageInput.id': ['Image', 'deleted Image'].map((of) => ({
    of,
    operation: mutation('purgeImage', (id) => ({ id, removeFromRegistry: true }), 'image { id } warnings'),
  })),
  'ImportImagesInput.namespace': [{ of: 'namespace', operation: importing((namespace) => ({ namespace })) }],
  'ImportImagesInput.document': [
    {
      of: 'image',
      operation: importing((given) => ({
        document: JSON.stringify([
          record('seen', { imageTag: '1', dependencyServiceId: `hidden-namespace/${given}:1` }),
        ]),
      })),
    },
    {
      of: 'image',
      operation: importing((given) => ({
        mode: 'PARTIAL',
        document: JSON.stringify([
          record(given),
          record('fresh', { dependencyServiceId: `hidden-namespace/${given}:1` }),
        ]),
      })),
    },
  ],

  'CreateNamespaceInput.name': [
    { of: 'namespace', operation: mutation('createNamespace', (name) => ({ name })) },
  ],
  'CreateWorkspaceInput.name': [
    { of: 'workspace', operation: mutation('createWorkspace', (name) => ({ name })) },
  ],
  ...scopeAttacks('Namespace'),
  ...scopeAttacks('Workspace'),

  'RevokeAccessTokenInput.id': [
    { of: 'AccessToken', operation: mutation('revokeAccessToken', (id) => ({ id }), 'accessToken { id }') },
  ],
  'UpdateUserInput.id': [
    { of: 'Notebook', operation: mutation('updateUser', (id) => ({ id, isActive: false }), 'user { id }') },
  ],
};

/** Whatever has a global id. */
function IDS(): string[] {
  return [
    'Image',
    'deleted Image',
    'ImageBuild',
    'Namespace',
    'Workspace',
    'Notebook',
    'AccessToken',
    'AuditEvent',
  ];
}

function scopeAttacks(type: 'Namespace' | 'Workspace'): Record<string, Attack[]> {
  const scope = type.toLowerCase();
  const member = (given: string) => ({ [`${scope}Id`]: given, userName: 'stranger', role: 'OWNER' });
  return {
    [`Update${type}Input.id`]: [
      {
        of: type,
        operation: mutation(`update${type}`, (id) => ({ id, description: 'taken over' }), `${scope} { id }`),
      },
      { of: type, operation: mutation(`update${type}`, (id) => ({ id, quota: null }), `${scope} { id }`) },
    ],
    [`Delete${type}Input.id`]: [
      { of: type, operation: mutation(`delete${type}`, (id) => ({ id }), `${scope} { id }`) },
    ],
    [`Set${type}MemberInput.${scope}Id`]: [
      { of: type, operation: mutation(`set${type}Member`, member, `${scope} { id }`) },
    ],
  };
}

/** Names and texts that name nothing that could be hidden: people's, a file's, a port's, what an own thing is called. */
const NAMES_NOTHING = new Set([
  'AlgorithmInput.name',
  'BuildArgInput.name',
  'CreateAccessTokenInput.name',
  // Users are known to everybody by their names.
  'CreateAccessTokenInput.userName',
  'CreateServiceAccountInput.name',
  'SetNamespaceMemberInput.userName',
  'SetWorkspaceMemberInput.userName',
  'EnvVarInput.name',
  'ImageParameterInput.name',
  'PortInput.name',
  // Looks at a text, and asks nobody.
  'Query.checkDockerfile(dockerfile)',
]);
/** Subscriptions have no HTTP answer: they have a test of their own. */
const SUBSCRIBED = [
  'Subscription.imageBuildActivity(namespace)',
  'Subscription.imageBuildActivity(workspaceId)',
  'Subscription.imageBuildLogs(buildId)',
  'Subscription.imageBuildStatus(buildId)',
];

const MAY_NAME = /^(name|userName|namespace|workspace|reference|dependencies|baseImage|dockerfile|document)$/;

/** Every place of the schema that takes an id, or a text that may name something. */
function* places(): Generator<string> {
  const takes = (name: string, type: GraphQLInputType) => {
    const named = getNamedType(type).name;
    return named === 'ID' || (named === 'String' && MAY_NAME.test(name));
  };
  for (const type of Object.values(createSchema().getTypeMap())) {
    if (type.name.startsWith('__')) continue;
    const fields = isObjectType(type) || isInputObjectType(type) ? Object.values(type.getFields()) : [];
    for (const field of fields) {
      const path = `${type.name}.${field.name}`;
      if (isInputObjectType(type) && takes(field.name, field.type as GraphQLInputType)) yield path;
      if (!('args' in field)) continue;
      for (const { name, type: argument } of field.args) if (takes(name, argument)) yield `${path}(${name})`;
    }
  }
}

it('is tried wherever an id or a name is taken', () => {
  const tried = [...Object.keys(ATTACKS), ...SUBSCRIBED, ...NAMES_NOTHING].sort();
  expect([...places()].sort(), 'add an attack to test/attacks/tenants.test.ts').toEqual(tried);
});

// The answers.

/** What is given of a hidden thing, and of none. */
function givenOf(of: string): readonly [string, string] {
  if (of in NAMES) return NAMES[of as keyof typeof NAMES];
  const [type] = of.split(' ').slice(-1) as [string];
  return [foreign.get(of) as string, globalId(type, randomUUID())];
}

/** The whole answer as it came, with the id or name that was asked for, and the UUID in it, taken out. */
function masked(answer: string, given: string): string {
  const uid = Buffer.from(given, 'base64url').toString().split(':')[1];
  const withoutId = answer.replaceAll(given, 'GIVEN');
  return uid === undefined ? withoutId : withoutId.replaceAll(uid, 'UID');
}

async function post(client: ApiClient, body: Operation): Promise<string> {
  const response = await fetch(`${slipway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${client.token}` },
    body: JSON.stringify(body),
  });
  return `${response.status} ${await response.text()}`;
}

interface Asked {
  readonly answer: string;
  /** The statements that it took, in any order; without those that write down that somebody was here. */
  readonly cost: readonly string[];
}

/** Asks for what is hidden, and for what is not there. */
async function askBoth(
  client: ApiClient,
  of: string,
  operation: Attack['operation'],
): Promise<[hidden: Asked, missing: Asked]> {
  const ask = async (given: string): Promise<Asked> => {
    let answer = '';
    const statements = await slipway.statementsOf(async () => {
      answer = masked(await post(client, operation(given)), given);
    });
    const texts = statements.map((one) => masked(one.text, given));
    return { answer, cost: texts.filter((sql) => !/last_used_at|audit_/.test(sql)).sort() };
  };
  const [hidden, missing] = givenOf(of);
  return [await ask(hidden), await ask(missing)];
}

describe.each(Object.entries(ATTACKS))('%s', (_, attacks) => {
  it("answers another tenant's as one that is not there, for the same statements", async () => {
    for (const [attacker, client] of attackers) {
      for (const { of, operation } of attacks) {
        const [hidden, missing] = await askBoth(client, of, operation);
        expect(hidden.answer, `${attacker}, ${of}`).toBe(missing.answer);
        expect(hidden.answer, `${attacker}, ${of}`).not.toMatch(
          /INTERNAL_SERVER_ERROR|GRAPHQL_VALIDATION_FAILED/,
        );
        // Once more: what the server does besides may have come in between.
        const [again, control] = isDeepStrictEqual(hidden.cost, missing.cost)
          ? [hidden, missing]
          : await askBoth(client, of, operation);
        expect(again.cost, `${attacker}, ${of}`).toEqual(control.cost);
      }
    }
  });
});

describe('subscriptions', () => {
  it.each([
    ['imageBuildStatus', '{ version }'],
    ['imageBuildLogs', '{ __typename }'],
  ])('%s answers a hidden build as one that is not there', async (field, fields) => {
    for (const [attacker, client] of attackers) {
      for (const of of ['ImageBuild', 'ended ImageBuild']) {
        const refusals: string[] = [];
        for (const id of givenOf(of)) {
          const events = client.subscribe(`subscription ($id: ID!) { ${field}(buildId: $id) ${fields} }`, {
            id,
          });
          const refusal = await events.next().catch((error: unknown) => error);
          expect(refusal, attacker).toBeInstanceOf(RefusedError);
          refusals.push(masked((refusal as Error).message, id));
        }
        expect(refusals[0], attacker).toBe(refusals[1]);
        expect(refusals[0], attacker).toContain('NOT_FOUND');
      }
    }
  });

  it('imageBuildActivity tells nothing of hidden builds, whatever it is asked for', async () => {
    const client = attackers.find(([name]) => name === 'owner')?.[1] as ApiClient;
    const workspaceId = foreign.get('Workspace') as string;
    const change = async (namespace: string, workspace: string) => {
      const { build: made } = await sendBuild(admin, {
        workspaceId: workspace,
        image: { name: 'changing', namespace },
        buildConfig: { dockerfile: 'FROM scratch' },
      });
      await cancel(admin, made?.id as string);
      return made?.id as string;
    };
    const told: string[] = [];
    const socket = createClient({
      url: `${slipway.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: `Bearer ${client.token}` },
    });
    for (const filter of ['', '(namespace: "hidden-namespace")', `(workspaceId: "${workspaceId}")`]) {
      socket.subscribe<{ it: { build: { id: string } } }>(
        { query: `subscription { it: imageBuildActivity${filter} { build { id } } }` },
        {
          next: ({ data }) => told.push(data?.it.build.id ?? 'an error'),
          error: () => told.push('an error'),
          complete: () => undefined,
        },
      );
    }
    const hidden = await change('hidden-namespace', workspaceId);
    const last = await change('mine', own.workspace);
    await until('what the attacker may see', () => told.includes(last));
    await socket.dispose();
    expect(told).not.toContain(hidden);
    expect(told).not.toContain('an error');
  });
});

describe('files', () => {
  const download = async (client: ApiClient, path: string, init: RequestInit, given: string) => {
    const response = await fetch(`${slipway.url}${path}`, {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${client.token}` },
    });
    const headers = [...response.headers].filter(([name]) => !['date', 'x-request-id'].includes(name));
    return masked(`${response.status} ${JSON.stringify(headers)} ${await response.text()}`, given);
  };

  it.each([
    ['GET', {}],
    ['HEAD', {}],
    ['GET', { range: 'bytes=0-10' }],
    ['GET', { 'if-none-match': '*' }],
  ])("another tenant's log answers %s with %j as one that is not there", async (method, headers) => {
    for (const [attacker, client] of attackers) {
      for (const of of ['ImageBuild', 'ended ImageBuild']) {
        for (const form of [(id: string) => id, uuidOf]) {
          const answers: string[] = [];
          for (const id of givenOf(of)) {
            answers.push(await download(client, `/builds/${form(id)}/log`, { method, headers }, id));
          }
          expect(answers[0], attacker).toBe(answers[1]);
          expect(answers[0], attacker).toMatch(/^404 /);
        }
      }
    }
  });

  it('an export by the filter of another tenant is one by a filter of none', async () => {
    for (const [attacker, client] of attackers) {
      const filters = [
        ['Workspace', (given: string) => ({ workspaceId: given })],
        ['Image', (given: string) => ({ dependsOn: given })],
        ['namespace', (given: string) => ({ namespace: given, includeDeleted: true })],
      ] as const;
      for (const [of, filter] of filters) {
        const answers: string[] = [];
        for (const given of givenOf(of)) {
          const path = `/exports/image_list.json?filter=${encodeURIComponent(JSON.stringify(filter(given)))}`;
          answers.push(await download(client, path, {}, given));
        }
        expect(answers[0], attacker).toBe(answers[1]);
        expect(answers[0], attacker).not.toContain('hidden');
      }
    }
  });
});

describe('what stands in the way', () => {
  it('is told by its number alone where it is hidden: who deletes has to know that somebody needs the image', async () => {
    const [, owner] = attackers.find(([name]) => name === 'owner') as (typeof attackers)[number];
    const { it: deleted } = await owner.run<{
      it: { userErrors: { code: string; path: string[]; message: string; details: unknown }[] };
    }>(
      `mutation ($id: ID!) { it: deleteImage(input: { id: $id }) { userErrors { code path message details } } }`,
      { id: own.image },
    );
    expect(codes(deleted.userErrors as never)).toEqual(['IN_USE id']);
    expect(deleted.userErrors[0]?.details).toEqual({ count: 1, dependents: [] });
    expect(JSON.stringify(deleted)).not.toContain('hidden');
    const { image } = await owner.run<{ image: { dependents: unknown } }>(
      `query ($id: ID!) { image(id: $id) { dependents ${LIST} } }`,
      { id: own.image },
    );
    expect(image.dependents).toMatchObject({ nodes: [], totalCount: 0 });
  });
});

it('has left everything of the other tenant as it was', async () => {
  const counted = await slipway.database.query<{ images: number; members: number; builds: number }>(
    `select (select count(*)::int from image where namespace_id = $1) as images,
      (select count(*)::int from namespace_member where namespace_id = $1) as members,
      (select count(*)::int from image_build where namespace_id = $1 and status = 'QUEUED') as builds`,
    [uuidOf(foreign.get('Namespace') as string)],
  );
  expect(counted).toEqual([{ images: 2, members: 1, builds: 1 }]);
});
