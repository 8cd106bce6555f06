import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Session } from '../../src/auth/session.ts';
import type { ContainerDetails } from '../../src/engine/container-engine.ts';
import { NotebookService } from '../../src/notebook/notebook.service.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import type { Question } from '../support/fake-engine.ts';
import { codes, errorCode, globalId } from '../support/images.ts';
import { addNotebook, type NotebookFacts, SAVE, saveNotebook } from '../support/notebooks.ts';

let slipway: TestApp;
let admin: ApiClient;
let dana: ApiClient;
let owner: ApiClient;
let mine: NotebookFacts;
let foreign: NotebookFacts;
/** Containers of one test. */
const passing: string[] = [];
const BASE = { PATH: '/usr/bin', LANG: 'C.UTF-8' };

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
  dana = await slipway.user('dana', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
  owner = await slipway.user('olga', { namespace: 'OWNER', workspace: 'OWNER' });
  await admin.run('mutation { createWorkspace(input: { name: "lab" }) { workspace { id } } }');
  slipway.engine.addImage({ id: 'sha256:base', env: BASE });
  mine = addNotebook(
    slipway.engine,
    { owner: 'dana', name: 'a-mine', workspace: 'default' },
    {
      image: 'slipway/notebook:1',
      imageId: 'sha256:base',
      env: { ...BASE, LANG: 'zh_CN.UTF-8', TOKEN: 'secret' },
      mounts: ['/data', '/home/dana'],
    },
  );
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

  it('is UNAVAILABLE where it does not answer in time, and gives no footprint where only that takes long', async () => {
    const { notebooks, workspaces } = slipway.app.services;
    const labels = slipway.app.config.notebookLabels;
    const session = new Session(
      { id: randomUUID(), name: 'dana' },
      false,
      new Map(),
      new Map(),
      async () => null,
    );
    const hurried = new NotebookService(slipway.engine, labels, workspaces, 50);
    const never = new Promise<void>(() => {});
    for (const stuck of ['containers', 'container', 'image'] as const) {
      slipway.engine.onQuestion((question) => (question === stuck ? never : Promise.resolve()));
      await expect(hurried.find(session, mine.uid)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    }
    slipway.engine.onQuestion(null);
    const notebook = await notebooks.find(session, mine.uid);
    if (notebook === null) throw new Error('there is no notebook');
    expect(await notebooks.footprint(notebook)).toEqual({ writtenBytes: 0, sizeBytes: 2048 });
    slipway.engine.onQuestion(() => never);
    expect(await hurried.footprint(notebook)).toBeNull();
    expect(await hurried.credentialFiles(notebook)).toBeNull();
    slipway.engine.onQuestion(null);
    slipway.engine.setAvailable(false);
    await expect(hurried.footprint(notebook)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(hurried.credentialFiles(notebook)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
