import type { Action, ScopeAction, ServerAction, Session, UserAction } from '../../src/auth/session.ts';
import { ACTIONS } from '../../src/auth/session.ts';
import type { Answer, ApiClient } from './client.ts';
import { RefusedError } from './client.ts';
import { record } from './imports.ts';
import type { Kind, PermissionStage, Side, Thing } from './permissions-stage.ts';
import { cancel } from './running-builds.ts';

/** What comes of asking. HIDDEN: as if there were no such thing. */
export type Outcome = 'ALLOWED' | 'FORBIDDEN' | 'HIDDEN' | 'SCOPE' | 'UNAUTHENTICATED';

/** What should come of it, by the table of actions. */
type Rule = (viewer: Session, thing: Thing) => Outcome;

/** A way to ask for a field. */
export interface Ask {
  /** E.g. `Mutation.updateImage`. */
  readonly field: string;
  /** Which way, where there are several. */
  readonly how?: string;
  /** What is asked for; the viewer's own things and nobody's where nothing is said. */
  readonly about?: Kind;
  readonly rule: Rule;
  /** What `viewerPermissions` of the thing says about it. */
  readonly permission?: readonly [type: string, permission: string];
  readonly send: (client: ApiClient, thing: Thing, stage: PermissionStage) => Promise<Outcome>;
}

/** The objects that there are of a kind: only images can be public. */
export function sidesOf({ about }: Ask): readonly Side[] {
  if (about === undefined || about === 'default workspace') return ['own'];
  return about === 'image' || about === 'deleted image' ? ['own', 'foreign', 'public'] : ['own', 'foreign'];
}

/** What should come of it. */
export function expected({ field, rule }: Ask, viewer: Session | null, thing: Thing): Outcome {
  if (viewer === null) return 'UNAUTHENTICATED';
  if (field.startsWith('Mutation.') && !viewer.scopes.includes('WRITE')) return 'SCOPE';
  return rule(viewer, thing);
}

// Rules.

const anyone: Rule = () => 'ALLOWED';

function may(viewer: Session, action: Action, { place, ownerId }: Thing): boolean {
  switch (ACTIONS[action].on) {
    case 'namespace':
      return viewer.can(action as ScopeAction, place.namespaceId);
    case 'workspace':
      return viewer.can(action as ScopeAction, place.workspaceId);
    case 'user':
      return viewer.can(action as UserAction, ownerId);
    case 'server':
      return viewer.can(action as ServerAction);
  }
}

/** One of these actions. */
const takes =
  (...actions: Action[]): Rule =>
  (viewer, thing) =>
    actions.some((action) => may(viewer, action, thing)) ? 'ALLOWED' : 'FORBIDDEN';

type Sees = (viewer: Session, thing: Thing) => boolean;
const sees =
  (...actions: Action[]): Sees =>
  (viewer, thing) =>
    actions.some((action) => may(viewer, action, thing));
const SEES_IMAGE: Sees = (viewer, thing) =>
  thing.side === 'public' || sees('namespace:read', 'workspace:read')(viewer, thing);
const SEES_BUILD = sees('namespace:read', 'workspace:read');
const SEES_NAMESPACE = sees('namespace:read');
const SEES_WORKSPACE = sees('workspace:read');
const SEES_NOTEBOOK: Sees = (viewer, thing) =>
  viewer.user.id === thing.ownerId || sees('notebook:read', 'notebook:read-any')(viewer, thing);

const where =
  (isSeen: Sees, rule: Rule = anyone): Rule =>
  (viewer, thing) =>
    isSeen(viewer, thing) ? rule(viewer, thing) : 'HIDDEN';

/** All of these at once: what is seen and forbidden is told before what is hidden. */
const all =
  (...rules: Rule[]): Rule =>
  (viewer, thing) => {
    const outcomes = rules.map((rule) => rule(viewer, thing));
    return (
      outcomes.find((one) => one === 'FORBIDDEN') ?? outcomes.find((one) => one !== 'ALLOWED') ?? 'ALLOWED'
    );
  };

const INTO_NAMESPACE = where(SEES_NAMESPACE, takes('image:create'));
const INTO_WORKSPACE = where(SEES_WORKSPACE, takes('workspace:work'));

// Outcomes.

interface Refusal {
  readonly code?: unknown;
  readonly details?: { readonly requiredScope?: unknown };
}

function outcomeOfErrors(
  errors: readonly { readonly extensions?: unknown; readonly message: string }[],
): Outcome {
  const { code, details } = (errors[0]?.extensions ?? {}) as Refusal;
  if (code === 'UNAUTHENTICATED') return 'UNAUTHENTICATED';
  if (code === 'NOT_FOUND') return 'HIDDEN';
  if (code === 'FORBIDDEN') return details?.requiredScope === undefined ? 'FORBIDDEN' : 'SCOPE';
  throw new Error(`an answer that says nothing of rights: ${JSON.stringify(errors)}`);
}

interface Payload {
  readonly userErrors: readonly { readonly code: string }[];
  readonly rowErrors?: readonly { readonly code: string }[];
}

function outcomeOfPayload({ userErrors, rowErrors = [] }: Payload): Outcome {
  const codes = [...userErrors, ...rowErrors].map(({ code }) => code);
  if (codes.length === 0) return 'ALLOWED';
  if (codes.includes('NOT_ALLOWED')) return 'FORBIDDEN';
  if (codes.every((code) => code === 'NOT_FOUND')) return 'HIDDEN';
  throw new Error(`an answer that says nothing of rights: ${JSON.stringify(codes)}`);
}

const outcomeOf = <T>({ data, errors }: Answer<{ it: T } | null>, read: (it: T) => Outcome): Outcome =>
  errors || data === null ? outcomeOfErrors(errors ?? []) : read(data.it);

/** Asks a query, whose field is named `it`, and looks whether the thing is there. */
const query =
  <T>(
    document: string,
    isThere: (it: T, thing: Thing) => boolean,
    variables: (thing: Thing) => Record<string, unknown> = ({ id }) => ({ id }),
  ): Ask['send'] =>
  async (client, thing) =>
    outcomeOf(await client.ask<{ it: T } | null>(document, variables(thing)), (it) =>
      isThere(it, thing) ? 'ALLOWED' : 'HIDDEN',
    );

interface WithId {
  readonly id: string;
}
const isIt = (it: WithId | null, { id }: Thing) => it?.id === id;
const holdsIt = ({ nodes }: { readonly nodes: readonly WithId[] }, { id }: Thing) =>
  nodes.some((node) => node.id === id);
const isThere = (it: unknown) => it !== null;

const byId = (field: string) => query(`query ($id: ID!) { it: ${field}(id: $id) { id } }`, isIt);
const none = () => ({});

/** Sends a mutation, which is named `it`. */
const mutation =
  (
    field: string,
    input: (thing: Thing, stage: PermissionStage) => Record<string, unknown>,
    more = '',
  ): Ask['send'] =>
  async (client, thing, stage) => {
    const type = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input`;
    const document = `mutation ($input: ${type}!) { it: ${field}(input: $input) { userErrors { code } ${more} } }`;
    const variables = { input: input(thing, stage) };
    return outcomeOf(await client.ask<{ it: Payload } | null>(document, variables), outcomeOfPayload);
  };

/** Subscribes; ALLOWED as soon as the first event comes. */
async function firstEvent(client: ApiClient, document: string, thing: Thing): Promise<Outcome> {
  try {
    for await (const _ of client.subscribe(document, { id: thing.id })) return 'ALLOWED';
  } catch (error) {
    if (error instanceof RefusedError) return outcomeOfErrors(error.errors);
    // What a socket is closed with says who may not even open one.
    if ((error as { code?: unknown }).code === 4403) return 'UNAUTHENTICATED';
    throw error;
  }
  throw new Error('the subscription ended without an event');
}

/** A change of the thing, and one that all members of `commons` see, which comes last. */
async function activityOf(client: ApiClient, thing: Thing, stage: PermissionStage): Promise<Outcome> {
  const { admin } = stage.app;
  const { build } = await admin.run<{ build: { build: WithId } }>(
    `mutation ($id: ID!, $name: String!) { build: buildImage(input: { workspaceId: $id,
      image: { name: $name, namespace: "commons" }, buildConfig: { dockerfile: "FROM scratch" } }) { build { id } } }`,
    { id: thing.place.workspace, name: stage.freshName() },
  );
  const last = build.build.id;
  const events = client.subscribe<{ it: { build: WithId & { status: string } } }>(
    'subscription { it: imageBuildActivity { build { id status } } }',
  );
  const first = events.next();
  // Told below; until then nobody waits for it.
  first.catch(() => undefined);
  try {
    await cancel(admin, thing.id);
    await cancel(admin, last);
    for (let event = await first; !event.done; event = await events.next()) {
      const { id, status } = event.value.it.build;
      if (id === thing.id && status === 'CANCELED') return 'ALLOWED';
      if (id === last && status === 'CANCELED') return 'HIDDEN';
    }
  } catch (error) {
    if (error instanceof RefusedError) return outcomeOfErrors(error.errors);
    if ((error as { code?: unknown }).code === 4403) return 'UNAUTHENTICATED';
    throw error;
  } finally {
    await events.return?.();
  }
  throw new Error('the subscription ended');
}

const image = (thing: Thing, stage: PermissionStage) => ({
  reference: `images.test/${thing.place.name}/${stage.freshName()}:1`,
  validateOnly: true,
});
const build = (thing: Thing, stage: PermissionStage) => ({
  workspaceId: thing.place.workspace,
  image: { name: stage.freshName(), namespace: thing.place.name },
  buildConfig: { dockerfile: 'FROM scratch' },
  validateOnly: true,
});

/** What is asked of namespaces and workspaces alike. */
function asksOfScope(scope: 'namespace' | 'workspace'): Ask[] {
  const [type, plural] = [scope === 'namespace' ? 'Namespace' : 'Workspace', `${scope}s`];
  const isSeen = scope === 'namespace' ? SEES_NAMESPACE : SEES_WORKSPACE;
  const manages = where(isSeen, takes(`${scope}:manage`));
  const limits = where(isSeen, all(takes(`${scope}:manage`), takes(`${scope}:limit`)));
  return [
    {
      field: `Query.${scope}`,
      about: scope,
      rule: where(isSeen),
      permission: [type, 'READ'],
      send: query(`query ($name: String!) { it: ${scope}(name: $name) { id } }`, isIt, ({ name }) => ({
        name,
      })),
    },
    {
      field: `Query.${plural}`,
      about: scope,
      rule: where(isSeen),
      send: query(`{ it: ${plural}(first: 100) { nodes { id } } }`, holdsIt, none),
    },
    {
      field: `Mutation.create${type}`,
      rule: takes(`${scope}:create`),
      send: mutation(`create${type}`, (_, stage) => ({ name: stage.freshName() })),
    },
    {
      field: `Mutation.update${type}`,
      about: scope,
      rule: manages,
      permission: [type, 'UPDATE'],
      send: mutation(`update${type}`, ({ id }) => ({ id, description: 'as it was' })),
    },
    {
      field: `Mutation.update${type}`,
      how: 'its quota',
      about: scope,
      rule: limits,
      permission: [type, 'LIMIT'],
      send: mutation(`update${type}`, ({ id }) => ({ id, quota: { images: 1000 } })),
    },
    {
      field: `Mutation.set${type}Member`,
      about: scope,
      rule: manages,
      permission: [type, 'MANAGE_MEMBERS'],
      send: mutation(`set${type}Member`, ({ id }) => ({
        [`${scope}Id`]: id,
        userName: 'newcomer',
        role: 'VIEWER',
      })),
    },
    {
      field: `Mutation.delete${type}`,
      about: `empty ${scope}`,
      rule: where(isSeen, takes(`${scope}:delete`)),
      permission: [type, 'DELETE'],
      send: mutation(`delete${type}`, ({ id }) => ({ id })),
    },
  ];
}

/** Every field of Query, Mutation and Subscription, in each way in which it takes another right. */
export const ASKS: readonly Ask[] = [
  // What there is.
  { field: 'Query.server', rule: anyone, send: query('{ it: server { version } }', isThere, none) },
  { field: 'Query.viewer', rule: anyone, send: query('{ it: viewer { isAdmin } }', isThere, none) },
  {
    field: 'Query.checkDockerfile',
    rule: anyone,
    send: query('{ it: checkDockerfile(dockerfile: "FROM scratch") { valid } }', isThere, none),
  },
  ...(
    [
      ['an image', 'image', SEES_IMAGE],
      ['a build', 'build', SEES_BUILD],
      ['a namespace', 'namespace', SEES_NAMESPACE],
      ['a workspace', 'workspace', SEES_WORKSPACE],
      ['a notebook', 'notebook', SEES_NOTEBOOK],
      ['an entry of the audit trail', 'audit event', sees('audit:read')],
    ] as const
  ).map(
    ([how, about, isSeen]): Ask => ({
      field: 'Query.node',
      how,
      about,
      rule: where(isSeen),
      send: byId('node'),
    }),
  ),
  {
    field: 'Query.node',
    how: 'an access token',
    about: 'token',
    rule: () => 'HIDDEN',
    send: byId('node'),
  },
  { field: 'Query.node', how: 'a user', about: 'user', rule: anyone, send: byId('node') },
  {
    field: 'Query.nodes',
    about: 'image',
    rule: where(SEES_IMAGE),
    send: query<(WithId | null)[]>('query ($id: ID!) { it: nodes(ids: [$id]) { id } }', ([first], thing) =>
      isIt(first ?? null, thing),
    ),
  },

  // Images.
  {
    field: 'Query.image',
    about: 'image',
    rule: where(SEES_IMAGE),
    permission: ['Image', 'READ'],
    send: byId('image'),
  },
  {
    field: 'Query.imageByName',
    about: 'image',
    rule: where(SEES_IMAGE),
    send: query(
      `query ($namespace: String!, $name: String!) { it: imageByName(namespace: $namespace, name: $name, tag: "1") { id } }`,
      isIt,
      ({ name, place }) => ({ name, namespace: place.name }),
    ),
  },
  {
    field: 'Query.images',
    about: 'image',
    rule: where(SEES_IMAGE),
    send: query('{ it: images(first: 100) { nodes { id } } }', holdsIt, none),
  },
  {
    field: 'Query.exportImages',
    about: 'image',
    rule: where(SEES_IMAGE),
    send: query<{ content: string }>(
      '{ it: exportImages { content } }',
      ({ content }, { name }) => content.includes(`/${name}:1"`),
      none,
    ),
  },
  {
    field: 'Query.renderCommand',
    about: 'image',
    rule: where(SEES_IMAGE),
    send: query<Payload>(
      'query ($id: ID!) { it: renderCommand(imageId: $id, values: {}) { userErrors { code } } }',
      (it) => outcomeOfPayload(it) === 'ALLOWED',
    ),
  },
  {
    field: 'Mutation.registerImage',
    how: 'into a namespace',
    about: 'namespace',
    rule: INTO_NAMESPACE,
    permission: ['Namespace', 'CREATE_IMAGE'],
    send: mutation('registerImage', image),
  },
  {
    field: 'Mutation.registerImage',
    how: 'into a workspace',
    about: 'workspace',
    rule: INTO_WORKSPACE,
    permission: ['Workspace', 'WORK'],
    send: mutation('registerImage', (thing, stage) => ({
      ...image(thing, stage),
      namespace: 'commons',
      workspaceId: thing.id,
    })),
  },
  {
    field: 'Mutation.registerImage',
    how: 'into the default workspace',
    about: 'default workspace',
    rule: takes('default-workspace:work'),
    permission: ['Workspace', 'WORK'],
    send: mutation('registerImage', (thing, stage) => ({
      ...image(thing, stage),
      namespace: 'commons',
      workspaceId: thing.id,
    })),
  },
  {
    field: 'Mutation.registerImage',
    how: 'into a namespace that is not there',
    rule: where(sees('namespace:create')),
    send: mutation('registerImage', (thing, stage) => ({
      ...image(thing, stage),
      namespace: stage.freshName(),
    })),
  },
  {
    field: 'Mutation.importImages',
    how: 'into a namespace',
    about: 'namespace',
    rule: INTO_NAMESPACE,
    send: mutation(
      'importImages',
      ({ place }, stage) => ({
        namespace: place.name,
        document: JSON.stringify([record(stage.freshName())]),
        validateOnly: true,
      }),
      'rowErrors { code }',
    ),
  },
  {
    field: 'Mutation.updateImage',
    about: 'image',
    rule: where(SEES_IMAGE, takes('image:update')),
    permission: ['Image', 'UPDATE'],
    send: mutation('updateImage', ({ id }, stage) => ({ id, description: stage.freshName() })),
  },
  {
    field: 'Mutation.updateImage',
    how: 'who may see it',
    about: 'image',
    rule: where(SEES_IMAGE, takes('image:share')),
    permission: ['Image', 'SHARE'],
    send: mutation('updateImage', ({ id, side }) => ({
      id,
      visibility: side === 'public' ? 'PRIVATE' : 'PUBLIC',
      validateOnly: true,
    })),
  },
  {
    field: 'Mutation.deleteImage',
    about: 'image',
    rule: where(SEES_IMAGE, takes('image:delete')),
    permission: ['Image', 'DELETE'],
    send: mutation('deleteImage', ({ id }) => ({ id })),
  },
  {
    field: 'Mutation.restoreImage',
    about: 'deleted image',
    rule: where(SEES_IMAGE, takes('image:delete')),
    permission: ['Image', 'RESTORE'],
    send: mutation('restoreImage', ({ id }) => ({ id })),
  },
  {
    field: 'Mutation.purgeImage',
    about: 'deleted image',
    rule: where(SEES_IMAGE, takes('image:purge')),
    permission: ['Image', 'PURGE'],
    send: mutation('purgeImage', ({ id }) => ({ id })),
  },

  // Builds.
  {
    field: 'Query.imageBuild',
    about: 'build',
    rule: where(SEES_BUILD),
    permission: ['ImageBuild', 'READ'],
    send: byId('imageBuild'),
  },
  {
    field: 'Query.imageBuilds',
    about: 'build',
    rule: where(SEES_BUILD),
    send: query(
      'query ($namespace: String!) { it: imageBuilds(first: 100, filter: { namespace: $namespace }) { nodes { id } } }',
      holdsIt,
      ({ place }) => ({ namespace: place.name }),
    ),
  },
  {
    field: 'Subscription.imageBuildStatus',
    about: 'build',
    rule: where(SEES_BUILD),
    send: (client, thing) =>
      firstEvent(client, 'subscription ($id: ID!) { imageBuildStatus(buildId: $id) { version } }', thing),
  },
  {
    field: 'Subscription.imageBuildLogs',
    about: 'canceled build',
    rule: where(SEES_BUILD),
    send: (client, thing) =>
      firstEvent(client, 'subscription ($id: ID!) { imageBuildLogs(buildId: $id) { __typename } }', thing),
  },
  { field: 'Subscription.imageBuildActivity', about: 'build', rule: where(SEES_BUILD), send: activityOf },
  {
    field: 'Mutation.buildImage',
    about: 'place',
    rule: all(INTO_NAMESPACE, INTO_WORKSPACE),
    send: mutation('buildImage', build),
  },
  {
    field: 'Mutation.buildImage',
    how: 'before all others',
    rule: takes('build:prioritise'),
    send: mutation('buildImage', (thing, stage) => {
      const asked = build(thing, stage);
      return {
        ...asked,
        workspaceId: '0',
        image: { ...asked.image, namespace: 'commons' },
        priority: 'HIGH',
      };
    }),
  },
  {
    field: 'Mutation.cancelImageBuild',
    about: 'build',
    rule: where(SEES_BUILD, takes('build:cancel', 'build:cancel-own')),
    permission: ['ImageBuild', 'CANCEL'],
    send: mutation('cancelImageBuild', ({ id }) => ({ id })),
  },
  {
    field: 'Mutation.retryImageBuild',
    about: 'canceled build',
    rule: where(SEES_BUILD, all(INTO_NAMESPACE, INTO_WORKSPACE)),
    permission: ['ImageBuild', 'RETRY'],
    send: mutation('retryImageBuild', ({ id }) => ({ id })),
  },

  // Notebooks.
  {
    field: 'Query.notebook',
    about: 'notebook',
    rule: where(SEES_NOTEBOOK),
    permission: ['Notebook', 'READ'],
    send: byId('notebook'),
  },
  {
    field: 'Query.notebooks',
    about: 'notebook',
    rule: where(SEES_NOTEBOOK),
    send: query('{ it: notebooks(first: 100) { nodes { id } } }', holdsIt, none),
  },
  {
    field: 'Mutation.saveImageFromNotebook',
    about: 'notebook',
    rule: where(SEES_NOTEBOOK),
    permission: ['Notebook', 'SAVE'],
    send: mutation('saveImageFromNotebook', ({ id }, stage) => ({
      notebookId: id,
      namespace: 'commons',
      name: stage.freshName(),
      validateOnly: true,
    })),
  },

  ...asksOfScope('namespace'),
  ...asksOfScope('workspace'),
  {
    field: 'Query.workspace',
    how: 'the default one',
    about: 'default workspace',
    rule: takes('default-workspace:read'),
    permission: ['Workspace', 'READ'],
    send: byId('workspace'),
  },

  // Users.
  {
    field: 'Query.users',
    about: 'user',
    rule: takes('user:read'),
    send: query('{ it: users(first: 100) { nodes { id } } }', holdsIt, none),
  },
  {
    field: 'Query.user',
    about: 'user',
    rule: takes('user:read'),
    send: query('query ($name: String!) { it: user(name: $name) { id } }', isIt, ({ name }) => ({ name })),
  },
  {
    field: 'Mutation.createAccessToken',
    how: 'for oneself',
    rule: anyone,
    send: mutation('createAccessToken', (_, stage) => ({ name: stage.freshName() })),
  },
  {
    field: 'Mutation.createAccessToken',
    how: 'for somebody else',
    rule: takes('user:manage'),
    send: mutation('createAccessToken', (_, stage) => ({ name: stage.freshName(), userName: 'newcomer' })),
  },
  {
    field: 'Mutation.revokeAccessToken',
    about: 'token',
    rule: where(sees('token:revoke')),
    send: mutation('revokeAccessToken', ({ id }) => ({ id })),
  },
  {
    field: 'Mutation.createServiceAccount',
    rule: takes('user:manage'),
    send: mutation('createServiceAccount', (_, stage) => ({ name: stage.freshName() })),
  },
  {
    field: 'Mutation.updateUser',
    about: 'user',
    rule: takes('user:manage'),
    send: mutation('updateUser', ({ id }) => ({ id, isActive: true })),
  },
  {
    field: 'Query.auditEvents',
    rule: takes('audit:read'),
    send: query('{ it: auditEvents(first: 1) { nodes { id } } }', isThere, none),
  },
];
