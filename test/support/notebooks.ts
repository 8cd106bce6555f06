import { randomUUID } from 'node:crypto';
import type { ContainerDetails } from '../../src/engine/container-engine.ts';
import { BUILD_FIELDS, type BuildFacts, type UserErrorFacts } from './builds.ts';
import type { ApiClient } from './client.ts';
import type { FakeEngine } from './fake-engine.ts';
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
): NotebookFacts {
  const { uid = randomUUID(), name, workspace, owner } = labels;
  const container = engine.addContainer({
    ...details,
    labels: {
      'slipway.notebook': uid,
      ...(name === undefined ? {} : { 'slipway.notebook.name': name }),
      ...(workspace === undefined ? {} : { 'slipway.workspace': workspace }),
      ...(owner === undefined ? {} : { 'slipway.owner': owner }),
    },
  });
  return { id: Buffer.from(`Notebook:${uid}`).toString('base64url'), uid, container };
}

export interface SavePayload {
  readonly image: (ImageFacts & { readonly sourceNotebookId: string | null }) | null;
  readonly build: (BuildFacts & { readonly kind: string }) | null;
  readonly warnings: readonly string[];
  readonly userErrors: readonly UserErrorFacts[];
}

export const SAVE = `mutation ($input: SaveImageFromNotebookInput!) {
  saveImageFromNotebook(input: $input) {
    image { ${IMAGE_FIELDS} sourceNotebookId } build { kind ${BUILD_FIELDS} } warnings
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
