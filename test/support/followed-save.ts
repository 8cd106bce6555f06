import { type LogLineFacts, wholeLog } from './builds.ts';
import type { ApiClient } from './client.ts';
import { type SavePayload, saveNotebook } from './notebooks.ts';

/** A build that saves a notebook, as its status subscription tells it. */
export interface SaveState {
  readonly status: string;
  readonly phase: string | null;
  readonly failure: { readonly reason: string; readonly message: string } | null;
  readonly progress: { readonly pushedBytes: number | null };
  readonly notebook: { readonly pausedSince: string | null; readonly pausedMs: number | null };
  readonly image: { readonly status: string };
}

/** The image that a save makes, and what is known about where it comes from. */
export interface SavedImage {
  readonly id: string;
  readonly status: string;
  readonly repository: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly architecture: string;
  readonly layers: readonly { readonly digest: string; readonly sizeBytes: number }[];
  readonly sourceNotebookId: string;
  readonly sourceImage: { readonly id: string } | null;
}

/** A save from its request to its end, as somebody saw it who followed status and log all the time. */
export interface FollowedSave {
  readonly asked: SavePayload;
  /** How long the answer to the request took, in milliseconds. */
  readonly askedMs: number;
  readonly states: readonly SaveState[];
  readonly log: readonly LogLineFacts[];
  readonly image: SavedImage;
}

/** Saves a notebook and follows that to its end. @throws Error where the request is refused */
export async function followSave(
  client: ApiClient,
  input: Readonly<Record<string, unknown>>,
): Promise<FollowedSave> {
  const started = performance.now();
  const asked = await saveNotebook(client, input);
  const askedMs = performance.now() - started;
  if (asked.build === null) throw new Error(JSON.stringify(asked.userErrors));
  const [states, log] = await Promise.all([statesOf(client, asked.build), wholeLog(client, asked.build.id)]);
  const { imageBuild } = await client.run<{ imageBuild: { image: SavedImage } }>(
    `query ($id: ID!) { imageBuild(id: $id) { image {
      id status repository digest sizeBytes architecture layers { digest sizeBytes } sourceNotebookId sourceImage { id }
    } } }`,
    { id: asked.build.id },
  );
  return { asked, askedMs, states, log, image: imageBuild.image };
}

/** Every state that the build came to after the answer, none left out. */
async function statesOf(
  client: ApiClient,
  { id, version }: { readonly id: string; readonly version: number },
): Promise<SaveState[]> {
  const states: SaveState[] = [];
  const stream = client.subscribe<{ imageBuildStatus: { build: SaveState } }>(
    `subscription ($id: ID!, $after: Int!) { imageBuildStatus(buildId: $id, afterVersion: $after) { build {
      status phase failure { reason message } progress { pushedBytes }
      notebook { pausedSince pausedMs } image { status }
    } } }`,
    { id, after: version },
  );
  for await (const { imageBuildStatus } of stream) states.push(imageBuildStatus.build);
  return states;
}
