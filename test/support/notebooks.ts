import { randomUUID } from 'node:crypto';
import type { ContainerDetails } from '../../src/engine/container-engine.ts';
import { BUILD_FIELDS, type BuildFacts, type UserErrorFacts } from './builds.ts';
import type { ApiClient } from './client.ts';
import type { ContainerFiles, FakeEngine } from './fake-engine.ts';
import { IMAGE_FIELDS, type ImageFacts } from './images.ts';

export interface NotebookFacts {
  readonly id: string;
  readonly uid: string;
  readonly container: ContainerDetails;
}

/** Starts a notebook: a container with the labels. */
export function addNotebook(
  engine: FakeEngine,
  labels: {
    readonly owner?: string;
    readonly name?: string;
    readonly workspace?: string;
    readonly uid?: string;
  },
  details: Partial<ContainerDetails> = {},
  files: Partial<ContainerFiles> = {},
): NotebookFacts {
  const { uid = randomUUID(), name, workspace, owner } = labels;
  const container = engine.addContainer(
    {
      ...details,
      labels: {
        'slipway.notebook': uid,
        ...(name === undefined ? {} : { 'slipway.notebook.name': name }),
        ...(workspace === undefined ? {} : { 'slipway.workspace': workspace }),
        ...(owner === undefined ? {} : { 'slipway.owner': owner }),
      },
    },
    files,
  );
  return { id: Buffer.from(`Notebook:${uid}`).toString('base64url'), uid, container };
}

const BASE_ENV = { PATH: '/usr/bin', LANG: 'C.UTF-8' };

/** A running notebook of dana's in the default workspace: with a variable of its own, an overridden one, and two mounts. */
export function addDanasNotebook(engine: FakeEngine): NotebookFacts {
  engine.addImage({ id: 'sha256:base', env: BASE_ENV });
  return addNotebook(
    engine,
    { owner: 'dana', name: 'a-mine', workspace: 'default' },
    {
      image: 'slipway/notebook:1',
      imageId: 'sha256:base',
      env: { ...BASE_ENV, LANG: 'zh_CN.UTF-8', TOKEN: 'secret' },
      mounts: ['/data', '/home/dana'],
    },
  );
}

export interface SavePayload {
  readonly image:
    | (ImageFacts & { readonly sourceNotebookId: string | null; readonly sourceImage: Named | null })
    | null;
  readonly build:
    | (BuildFacts & {
        readonly kind: string;
        readonly notebook: { readonly containerId: string; readonly sourceImage: Named | null };
      })
    | null;
  readonly reused: boolean;
  readonly estimate: {
    readonly sizeBytes: number;
    readonly writtenBytes: number;
    readonly layerCount: number;
  } | null;
  readonly warnings: readonly string[];
  readonly userErrors: readonly UserErrorFacts[];
}

interface Named {
  readonly id: string;
}

export const SAVE = `mutation ($input: SaveImageFromNotebookInput!) {
  saveImageFromNotebook(input: $input) {
    image { ${IMAGE_FIELDS} sourceNotebookId sourceImage { id } }
    build { kind notebook { containerId sourceImage { id } } ${BUILD_FIELDS} }
    reused warnings estimate { sizeBytes writtenBytes layerCount }
    userErrors { code message path details }
  }
}`;

/** Asks for a notebook to be saved, into the default namespace where nothing else is said. */
export async function saveNotebook(client: ApiClient, input: Record<string, unknown>): Promise<SavePayload> {
  const answer = await client.run<{ saveImageFromNotebook: SavePayload }>(SAVE, {
    input: { namespace: 'default', ...input },
  });
  return answer.saveImageFromNotebook;
}

/** What a notebook is doing. */
export async function statusOf(client: ApiClient, { id }: Pick<NotebookFacts, 'id'>): Promise<string | null> {
  const { notebook } = await client.run<{ notebook: { status: string } | null }>(
    'query ($id: ID!) { notebook(id: $id) { status } }',
    { id },
  );
  return notebook?.status ?? null;
}
