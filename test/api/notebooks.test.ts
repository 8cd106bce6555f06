import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ContainerDetails, EngineError } from '../../src/engine/container-engine.ts';
import { NotebookService } from '../../src/notebook/notebook.service.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { digestOf, type Question } from '../support/fake-engine.ts';
import { codes, errorCode, globalId } from '../support/images.ts';
import {
  addDanasNotebook,
  addNotebook,
  type NotebookFacts,
  SAVE,
  saveNotebook,
} from '../support/notebooks.ts';
import { sessionOf } from '../support/sessions.ts';

let slipway: TestApp;
let admin: ApiClient;
let dana: ApiClient;
let owner: ApiClient;
let mine: NotebookFacts;
let foreign: NotebookFacts;
/** Containers of one test. */
const passing: string[] = [];

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
  dana = await slipway.user('dana', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
  owner = await slipway.user('olga', { namespace: 'OWNER', workspace: 'OWNER' });
  await admin.run('mutation { createWorkspace(input: { name: "lab" }) { workspace { id } } }');
  mine = addDanasNotebook(slipway.engine);
  foreign = addNotebook(slipway.engine, { owner: 'somebody', name: 'b-foreign', workspace: 'lab' });
  addNotebook(slipway.engine, { owner: 'dana', name: 'not-a-uuid', uid: 'twelve' });
  slipway.engine.addContainer({ labels: { 'slipway.owner': 'dana' } });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());
afterEach(() => {
  for (const id of passing.splice(0)) slipway.engine.removeContainer(id);
  slipway.engine.onQuestion(null);
  slipway.engine.setAvailable(true);
});

const NOTEBOOK = `id uid name status image containerId startedAt uncapturedMounts workspace { name } owner { name }`;

async function names(client: ApiClient, args = ''): Promise<string[]> {
  const { notebooks } = await client.run<{ notebooks: { nodes: { name: string }[] } }>(
    `{ notebooks${args} { nodes { name } } }`,
  );
  return notebooks.nodes.map(({ name }) => name);
}

describe('notebooks', () => {
  it('are the containers with the labels, as their owner sees them', async () => {
    const { notebooks, notebook, node } = await dana.run<Record<string, unknown>>(
      `query ($id: ID!) {
        notebooks { nodes { ${NOTEBOOK} } totalCount } notebook(id: $id) { ${NOTEBOOK} } node(id: $id) { id __typename }
      }`,
      { id: mine.id },
    );
    const facts = {
      id: mine.id,
      uid: mine.uid,
      name: 'a-mine',
      status: 'RUNNING',
      image: 'slipway/notebook:1',
      containerId: mine.container.id,
      startedAt: mine.container.startedAt?.toISOString(),
      uncapturedMounts: ['/data', '/home/dana'],
      workspace: { name: 'default' },
      owner: { name: 'dana' },
    };
    expect(notebooks).toEqual({ nodes: [facts], totalCount: 1 });
    expect(notebook).toEqual(facts);
    expect(node).toEqual({ id: mine.id, __typename: 'Notebook' });
  });

  it('are seen by administrators, by owners of their workspace, and by nobody else', async () => {
    expect(await names(admin)).toEqual(['a-mine', 'b-foreign']);
    expect(await names(owner)).toEqual(['a-mine']);
    expect(await names(await slipway.user('other', { workspace: 'DEVELOPER' }))).toEqual([]);
    const hidden = await dana.run<Record<string, unknown>>(
      'query ($id: ID!) { notebook(id: $id) { name } node(id: $id) { id } }',
      { id: foreign.id },
    );
    expect(hidden).toEqual({ notebook: null, node: null });
  });

  it('are narrowed by workspace, and paged by name', async () => {
    const { workspace } = await admin.run<{ workspace: { id: string } }>('{ workspace(name: "lab") { id } }');
    expect(await names(admin, `(workspaceId: "${workspace.id}")`)).toEqual(['b-foreign']);
    expect(await names(admin, `(workspaceId: "${mine.id}")`)).toEqual([]);
    const page = async (after: string | null) => {
      const { notebooks } = await admin.run<{
        notebooks: { nodes: { name: string }[]; pageInfo: { endCursor: string; hasNextPage: boolean } };
      }>(
        'query ($after: String) { notebooks(first: 1, after: $after) { nodes { name } pageInfo { endCursor hasNextPage } } }',
        { after },
      );
      return notebooks;
    };
    const first = await page(null);
    expect(first).toMatchObject({ nodes: [{ name: 'a-mine' }], pageInfo: { hasNextPage: true } });
    const second = await page(first.pageInfo.endCursor);
    expect(second).toMatchObject({ nodes: [{ name: 'b-foreign' }], pageInfo: { hasNextPage: false } });
    expect(await errorCode(admin, '{ notebooks(first: 101) { totalCount } }')).toBe('BAD_USER_INPUT');
  });

  it('are UNAVAILABLE while the engine does not answer; the rest of the API goes on', async () => {
    slipway.engine.setAvailable(false);
    expect(await errorCode(dana, '{ notebooks { totalCount } }')).toBe('UNAVAILABLE');
    expect(
      await errorCode(dana, SAVE, { input: { notebookId: mine.id, namespace: 'default', name: 'x' } }),
    ).toBe('UNAVAILABLE');
    const { images, server } = await dana.run<Record<string, unknown>>(
      '{ images { totalCount } server { engine { available } } }',
    );
    expect(images).toBeDefined();
    expect(server).toEqual({ engine: { available: false } });
  });
});

/** A container that goes with the test. */
function addContainer(labels: Record<string, string>, details: Partial<ContainerDetails> = {}): string {
  const { id } = slipway.engine.addContainer({ ...details, labels });
  passing.push(id);
  return id;
}

function addOwn(name: string, details: Partial<ContainerDetails> = {}, uid?: string): NotebookFacts {
  const labels = { owner: 'dana', name, ...(uid === undefined ? {} : { uid }) };
  const notebook = addNotebook(slipway.engine, labels, details);
  passing.push(notebook.container.id);
  return notebook;
}

describe('labels that a container has from its image', () => {
  const uid = randomUUID();
  const planted = {
    'slipway.notebook': uid,
    'slipway.notebook.name': 'planted',
    'slipway.owner': 'mallory',
    'slipway.workspace': 'lab',
  };
  let mallory: ApiClient;

  beforeAll(async () => {
    mallory = await slipway.user('mallory');
    slipway.engine.addImage({ id: 'sha256:planted', labels: planted });
  });

  it("make nobody's job into a notebook of who wrote the image", async () => {
    addContainer({ ...planted, 'platform.job': '17' }, { imageId: 'sha256:planted' });
    expect(await names(mallory)).toEqual([]);
    expect(await names(admin)).toEqual(['a-mine', 'b-foreign']);
    const { userErrors } = await saveNotebook(mallory, { notebookId: globalId('Notebook', uid), name: 'x' });
    expect(codes(userErrors)).toContain('NOT_FOUND notebookId');
  });

  it('do not change whose a notebook is, where it belongs, nor what it is called', async () => {
    const own = randomUUID();
    // The platform names the id and nothing else.
    addContainer({ ...planted, 'slipway.notebook': own }, { imageId: 'sha256:planted' });
    const query = 'query ($id: ID!) { notebook(id: $id) { name owner { name } workspace { name } } }';
    const id = globalId('Notebook', own);
    expect(await admin.run(query, { id })).toEqual({
      notebook: { name: own, owner: null, workspace: { name: 'default' } },
    });
  });

  it('give owners of the default workspace no notebook that the platform runs in another one', async () => {
    const own = { ...planted, 'slipway.notebook': randomUUID(), 'slipway.owner': 'dana' };
    addContainer(own, { imageId: 'sha256:planted' });
    expect(await names(dana)).toHaveLength(2);
    expect(await names(owner)).toEqual(['a-mine']);
  });

  it('count again where the platform sets others', async () => {
    const own = { ...planted, 'slipway.notebook': randomUUID(), 'slipway.owner': 'dana' };
    addContainer(own, { imageId: 'sha256:planted' });
    const query = 'query ($id: ID!) { notebook(id: $id) { owner { name } } }';
    const id = globalId('Notebook', own['slipway.notebook']);
    expect(await dana.run(query, { id })).toEqual({ notebook: { owner: { name: 'dana' } } });
    expect(await names(mallory)).toEqual([]);
  });
});

describe('a notebook with several containers', () => {
  const at = (minute: number) => new Date(Date.UTC(2024, 0, 1, 0, minute));
  it.each([
    [
      'the running one',
      [
        ['stopped', 9],
        ['running', 1],
        ['paused', 5],
      ],
      1,
    ],
    [
      'else the paused one',
      [
        ['stopped', 9],
        ['paused', 1],
      ],
      1,
    ],
    [
      'else the one that was started last',
      [
        ['stopped', 3],
        ['stopped', 9],
        ['stopped', 4],
      ],
      1,
    ],
    [
      'and of two that run the newer one',
      [
        ['running', 2],
        ['running', 7],
      ],
      1,
    ],
  ] as const)('is one: %s', async (_which, containers, expected) => {
    const uid = randomUUID();
    const added = containers.map(([state, minute], index) =>
      // Ids in capitals are the same ids.
      addOwn('several', { state, startedAt: at(minute) }, index % 2 === 0 ? uid.toUpperCase() : uid),
    );
    const { notebooks } = await dana.run<{ notebooks: { nodes: unknown[]; totalCount: number } }>(
      '{ notebooks { nodes { name containerId } totalCount } }',
    );
    expect(notebooks).toEqual({
      nodes: [
        { name: 'a-mine', containerId: mine.container.id },
        { name: 'several', containerId: added[expected]?.container.id },
      ],
      totalCount: 2,
    });
  });
});

describe('a notebook whose UUID another user has given to a container of their own', () => {
  const start = (owner: string, uid: string, minute: number): NotebookFacts => {
    const startedAt = new Date(Date.UTC(2024, 0, 1, 0, minute));
    const notebook = addNotebook(slipway.engine, { owner, name: owner, uid }, { startedAt });
    passing.push(notebook.container.id);
    return notebook;
  };

  it('stays what it is for its owner, and for those who see both while it was started first', async () => {
    const uid = randomUUID();
    const [victim, evil] = [start('dana', uid, 1), start('zed', uid, 2)];
    const containerFor = async (client: ApiClient) => {
      const { notebook } = await client.run<{ notebook: { containerId: string } }>(
        'query ($id: ID!) { notebook(id: $id) { containerId } }',
        { id: victim.id },
      );
      return notebook.containerId;
    };
    for (const client of [dana, admin, owner]) {
      expect(await containerFor(client)).toBe(victim.container.id);
    }
    expect(await containerFor(await slipway.user('zed'))).toBe(evil.container.id);
    const { build } = await saveNotebook(dana, { notebookId: victim.id, name: 'victim' });
    expect(build?.notebook.containerId).toBe(victim.container.id);
  });
});

describe('labels that lead nowhere', () => {
  it('give nobody rights by a workspace that is not there', async () => {
    const notebooks = ['was-deleted', 'w\0', 'Default'].map((workspace) => {
      const notebook = addNotebook(slipway.engine, { owner: 'dana', name: 'c-lost', workspace });
      passing.push(notebook.container.id);
      return notebook;
    });
    expect(await names(owner)).toEqual(['a-mine']);
    expect(await names(dana)).toEqual(['a-mine', 'c-lost', 'c-lost', 'c-lost']);
    expect(await names(admin)).toHaveLength(5);
    for (const { id } of notebooks) {
      const { userErrors } = await saveNotebook(owner, { notebookId: id, name: 'x' });
      expect(codes(userErrors)).toContain('NOT_FOUND notebookId');
    }
  });

  it('count as absent where they hold what no text can', async () => {
    const notebook = addOwn('c\0d');
    addContainer({ 'slipway.notebook': randomUUID(), 'slipway.owner': 'dana\0' });
    expect(await names(dana)).toEqual([notebook.uid, 'a-mine'].sort());
    expect(await names(dana, '(first: 1)')).toHaveLength(1);
    const { build } = await saveNotebook(dana, { notebookId: notebook.id, name: 'unnamed' });
    expect(build).not.toBeNull();
  });

  it('do not make names and cursors of megabytes', async () => {
    const notebook = addOwn('x'.repeat(1_000_000));
    const { notebooks } = await dana.run<{
      notebooks: { nodes: { name: string }[]; pageInfo: { endCursor: string } };
    }>('{ notebooks { nodes { name } pageInfo { endCursor } } }');
    expect(notebooks.nodes[1]?.name).toBe('x'.repeat(256));
    expect(notebooks.pageInfo.endCursor.length).toBeLessThan(1000);
    expect(await names(dana, `(after: "${notebooks.pageInfo.endCursor}")`)).toEqual([]);
    const { build } = await saveNotebook(dana, { notebookId: notebook.id, name: 'named' });
    expect(build).not.toBeNull();
  });
});

describe('ids that lead to nothing', () => {
  it("are refused alike: a container's, a piece of one, one without labels, another user's", async () => {
    const unlabelled = addContainer({ 'slipway.owner': 'dana' });
    const texts = [mine.container.id, mine.container.id.slice(0, 12), unlabelled, 'a-mine', mine.uid];
    for (const text of texts) {
      for (const notebookId of [text, Buffer.from(`Notebook:${text}`).toString('base64url')]) {
        if (notebookId === mine.id) continue;
        const { userErrors } = await saveNotebook(dana, { notebookId, name: 'x' });
        expect(codes(userErrors)).toEqual(['INVALID notebookId']);
      }
    }
    const hidden = await saveNotebook(dana, { notebookId: foreign.id, name: 'x' });
    const absent = await saveNotebook(dana, { notebookId: globalId('Notebook'), name: 'x' });
    expect(hidden.userErrors).toEqual(absent.userErrors);
    expect(codes(hidden.userErrors)).toEqual(['NOT_FOUND notebookId']);
  });
});

describe('the engine', () => {
  /** How often the engine is asked what while `run` runs. */
  async function questions(run: () => Promise<unknown>): Promise<Partial<Record<Question, number>>> {
    const counts: Partial<Record<Question, number>> = {};
    slipway.engine.onQuestion(async (question) => {
      counts[question] = (counts[question] ?? 0) + 1;
    });
    await run();
    return counts;
  }

  /** From now on the engine cannot describe this container or image. */
  function failAt(broken: string): void {
    slipway.engine.onQuestion(async (_question, { id }) => {
      if (id === broken) throw new EngineError('INTERNAL', 'it cannot be read');
    });
  }

  it('is asked once for each image, and for the containers that are shown', async () => {
    const added = Array.from({ length: 30 }, (_, i) => addOwn(`many-${String(i).padStart(2, '0')}`));
    const list = '{ notebooks(first: 4) { nodes { name image } totalCount } }';
    expect(await questions(() => dana.run(list))).toEqual({ containers: 1, image: 2, container: 5 });
    const one = 'query ($id: ID!) { notebook(id: $id) { name } }';
    const asked = await questions(() => dana.run(one, { id: added[7]?.id }));
    expect(asked).toEqual({ containers: 1, image: 1, container: 1 });
  });

  it('may lose containers while they are listed: the page is filled with the next ones', async () => {
    const added = ['c-1', 'c-2', 'c-3', 'c-4'].map((name) => addOwn(name));
    slipway.engine.onQuestion(async (question) => {
      if (question === 'container') slipway.engine.removeContainer(added[0]?.container.id ?? '');
    });
    const { notebooks } = await dana.run<Record<string, unknown>>(
      '{ notebooks(first: 3) { nodes { name } pageInfo { hasNextPage } } }',
    );
    expect(notebooks).toEqual({
      nodes: [{ name: 'a-mine' }, { name: 'c-2' }, { name: 'c-3' }],
      pageInfo: { hasNextPage: true },
    });
  });

  it('is UNAVAILABLE where it does not answer in time; what only details or a walk take long for is left out', async () => {
    const { notebooks, workspaces } = slipway.app.services;
    const labels = slipway.app.config.notebookLabels;
    const session = sessionOf();
    const hurried = () => new NotebookService(slipway.engine, labels, workspaces, 50);
    const never = new Promise<void>(() => {});
    const without = (...stuck: Question[]) =>
      slipway.engine.onQuestion((question) => (stuck.includes(question) ? never : Promise.resolve()));
    for (const stuck of ['containers', 'image'] as const) {
      without(stuck);
      await expect(hurried().find(session, mine.uid)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    }
    without('container');
    const summary = await hurried().find(session, mine.uid);
    expect(summary).toMatchObject({ name: 'a-mine', state: 'running', uncapturedMounts: null });
    slipway.engine.onQuestion(null);
    const notebook = await notebooks.find(session, mine.uid);
    if (notebook === null) throw new Error('there is no notebook');
    expect(await notebooks.footprints([notebook])).toEqual([{ writtenBytes: 0, sizeBytes: 2048 }]);
    without('footprint', 'changedPaths');
    const slow = hurried();
    expect(await slow.footprint(notebook, slow.containers().deadline)).toBeNull();
    expect(await slow.credentialFiles(notebook, slow.containers().deadline)).toBeNull();
  });

  it('may fail at single containers: they are shown as far as they are known, and are not saved', async () => {
    const broken = addOwn('c-broken');
    const fine = addOwn('d-fine');
    failAt(broken.container.id);
    const { notebooks } = await dana.run<{ notebooks: { nodes: unknown[] } }>(
      '{ notebooks { nodes { name status image startedAt } } }',
    );
    expect(notebooks.nodes.slice(1)).toEqual([
      {
        name: 'c-broken',
        status: 'RUNNING',
        image: 'slipway/base:1',
        startedAt: null,
      },
      {
        name: 'd-fine',
        status: 'RUNNING',
        image: 'slipway/base:1',
        startedAt: fine.container.startedAt?.toISOString(),
      },
    ]);
    // An empty list would say that a save captures everything.
    expect(await errorCode(dana, '{ notebooks { nodes { uncapturedMounts } } }')).toBe('UNAVAILABLE');
    const input = { notebookId: broken.id, namespace: 'default', name: 'x' };
    expect(await errorCode(dana, SAVE, { input })).toBe('UNAVAILABLE');
    const { userErrors } = await saveNotebook(dana, { ...input, name: 'X' });
    expect(codes(userErrors)).toEqual(['PATTERN name']);
  });

  it('may fail at single images: only administrators see notebooks whose labels may all come from there', async () => {
    const imageId = digestOf('an image that cannot be read');
    addOwn('c-broken', { imageId });
    failAt(imageId);
    expect(await names(dana)).toEqual(['a-mine']);
    expect(await names(admin)).toEqual(['a-mine', 'b-foreign', 'c-broken']);
  });

  it('is asked the same of a notebook of others as of one that is not there, and nothing more than of their lists', async () => {
    const foreigners = Array.from({ length: 20 }, (_, i) => {
      const imageId = digestOf(`foreign ${i}`);
      const notebook = addNotebook(slipway.engine, { owner: 'zed' }, { imageId });
      passing.push(notebook.container.id);
      return notebook;
    });
    const one = 'query ($id: ID!) { notebook(id: $id) { name sizeBytes } }';
    for (const id of [foreigners[0]?.id, globalId('Notebook')]) {
      expect(await questions(() => dana.run(one, { id }))).toEqual({ containers: 1 });
      const save = () => saveNotebook(dana, { notebookId: id, name: 'x' });
      expect(await questions(save)).toEqual({ containers: 1 });
    }
    const list = '{ notebooks { totalCount nodes { name } } }';
    expect(await questions(() => dana.run(list))).toEqual({ containers: 1, image: 1, container: 1 });
  });

  it('is asked each question once for all fields of an operation', async () => {
    const added = [addOwn('c-1'), addOwn('c-2')];
    const ask = (fields: (index: number) => string) => {
      const document = Array.from({ length: 90 }, (_, index) => `a${index}: ${fields(index)}`).join(' ');
      return questions(() => dana.run(`{ ${document} }`));
    };
    expect(await ask(() => `notebook(id: "${added[0]?.id}") { name }`)).toEqual({
      containers: 1,
      image: 1,
      container: 1,
    });
    expect(await ask((index) => `notebooks(first: ${index % 3}) { totalCount nodes { name } }`)).toEqual({
      containers: 1,
      image: 2,
      container: 3,
    });
  });
});
