import type { ApiClient } from './client.ts';

/** A build as the tests ask for it. */
export interface BuildFacts {
  readonly id: string;
  readonly status: string;
  readonly version: number;
  readonly phase: string | null;
  readonly attempt: number;
  readonly logLineCount: number;
  readonly failure: {
    readonly reason: string;
    readonly message: string;
    readonly step: number | null;
    readonly line: number | null;
    readonly exitCode: number | null;
  } | null;
  readonly steps: readonly {
    readonly number: number;
    readonly name: string;
    readonly status: string;
    readonly cached: boolean;
  }[];
  readonly progress: {
    readonly completedSteps: number;
    readonly totalSteps: number | null;
    readonly percent: number | null;
  };
  readonly image: {
    readonly id: string;
    readonly status: string;
    readonly digest: string | null;
    readonly sizeBytes: number | null;
  } | null;
}

export const BUILD_FIELDS = `id status version phase attempt logLineCount
  failure { reason message step line exitCode }
  steps { number name status cached }
  progress { completedSteps totalSteps percent }
  image { id status digest sizeBytes }`;

export interface UserErrorFacts {
  readonly code: string;
  readonly message: string;
  readonly path: readonly string[];
  readonly details: Record<string, unknown> | null;
}
export interface BuildPayload {
  readonly build: BuildFacts | null;
  readonly reused: boolean;
  readonly warnings: readonly string[];
  readonly userErrors: readonly UserErrorFacts[];
}

export interface BuildWish {
  readonly dockerfile: string;
  readonly name?: string;
  readonly tag?: string;
  readonly reference?: string;
  readonly files?: readonly { path: string; content: string }[];
  readonly overwriteTag?: boolean;
  readonly noCache?: boolean;
  readonly timeoutSeconds?: number;
  readonly target?: string;
  readonly buildArgs?: readonly { name: string; value: string }[];
}

/** The input of a build in the default workspace and namespace. */
export async function buildInput(
  client: ApiClient,
  wish: Partial<BuildWish>,
): Promise<Record<string, unknown>> {
  const { workspace, server } = await client.run<{
    workspace: { id: string };
    server: { registryHost: string };
  }>('{ workspace(name: "default") { id } server { registryHost } }');
  const { name = 'made', tag = 'latest', dockerfile = 'FROM scratch', ...rest } = wish;
  const { files, noCache, target, buildArgs, reference, ...others } = rest;
  return {
    ...others,
    workspaceId: workspace.id,
    image: { name, reference: reference ?? `${server.registryHost}/default/${name}:${tag}` },
    buildConfig: { dockerfile, files, noCache, target, buildArgs },
  };
}

/** Sends a BuildImageInput as it is. */
export async function sendBuild(client: ApiClient, input: Record<string, unknown>): Promise<BuildPayload> {
  const { buildImage } = await client.run<{ buildImage: BuildPayload }>(
    `mutation ($input: BuildImageInput!) {
      buildImage(input: $input) {
        build { ${BUILD_FIELDS} } reused warnings userErrors { code message path details }
      }
    }`,
    { input },
  );
  return buildImage;
}

/** Asks for a build in the default workspace and namespace. */
export async function requestBuild(client: ApiClient, wish: BuildWish): Promise<BuildPayload> {
  return await sendBuild(client, await buildInput(client, wish));
}

/** Asks for a build that must be accepted. */
export async function startBuild(client: ApiClient, wish: BuildWish): Promise<BuildFacts> {
  const { build, userErrors } = await requestBuild(client, wish);
  if (build === null) throw new Error(JSON.stringify(userErrors));
  return build;
}

/** The line that the log of an attempt begins with. */
export const beginOf = (attempt: number) => `Attempt ${attempt} has begun.`;

export interface StatusEvent {
  readonly version: number;
  readonly build: BuildFacts;
}

/** Follows a build's state over a socket to its end. */
export async function* statusEvents(
  client: ApiClient,
  buildId: string,
  afterVersion = 0,
): AsyncGenerator<StatusEvent> {
  const stream = client.subscribe<{ imageBuildStatus: StatusEvent }>(
    `subscription ($id: ID!, $after: Int!) {
      imageBuildStatus(buildId: $id, afterVersion: $after) { version build { ${BUILD_FIELDS} } }
    }`,
    { id: buildId, after: afterVersion },
  );
  for await (const { imageBuildStatus } of stream) yield imageBuildStatus;
}

/** All that {@link statusEvents} gives. */
export async function followStatus(
  client: ApiClient,
  buildId: string,
  afterVersion = 0,
): Promise<StatusEvent[]> {
  const events: StatusEvent[] = [];
  for await (const event of statusEvents(client, buildId, afterVersion)) events.push(event);
  return events;
}

/** Follows a build to its end and gives the build as it ended. */
export async function finished(client: ApiClient, buildId: string): Promise<BuildFacts> {
  const last = (await followStatus(client, buildId)).at(-1);
  if (last === undefined) throw new Error('the status subscription ended without an event');
  return last.build;
}

export interface LogLineFacts {
  readonly seq: number;
  readonly stream: string;
  readonly step: number | null;
  readonly text: string;
  readonly partial: boolean;
}
export type LogEventFacts =
  | {
      readonly __typename: 'ImageBuildLogLines';
      readonly lines: readonly LogLineFacts[];
      readonly lastSeq: number;
    }
  | { readonly __typename: 'ImageBuildLogGap'; readonly fromSeq: number; readonly toSeq: number }
  | { readonly __typename: 'ImageBuildLogEnd'; readonly lastSeq: number; readonly status: string };

/** Subscribes to a build's log. */
export async function* logEvents(
  client: ApiClient,
  buildId: string,
  afterSeq = 0,
): AsyncGenerator<LogEventFacts> {
  const stream = client.subscribe<{ imageBuildLogs: LogEventFacts }>(
    `subscription ($id: ID!, $after: SafeInt!) {
      imageBuildLogs(buildId: $id, afterSeq: $after) {
        __typename
        ... on ImageBuildLogLines { lines { seq stream step text partial } lastSeq }
        ... on ImageBuildLogGap { fromSeq toSeq }
        ... on ImageBuildLogEnd { lastSeq status }
      }
    }`,
    { id: buildId, after: afterSeq },
  );
  for await (const { imageBuildLogs } of stream) yield imageBuildLogs;
}

/** The whole log from `afterSeq` on, to the end event, which must be there. */
export async function wholeLog(client: ApiClient, buildId: string, afterSeq = 0): Promise<LogLineFacts[]> {
  const lines: LogLineFacts[] = [];
  for await (const event of logEvents(client, buildId, afterSeq)) {
    if (event.__typename === 'ImageBuildLogEnd') return lines;
    if (event.__typename === 'ImageBuildLogLines') lines.push(...event.lines);
  }
  throw new Error('the log ended without an ImageBuildLogEnd');
}

/** Only what the steps printed. */
export const printed = (lines: readonly LogLineFacts[]) => lines.filter((line) => line.stream !== 'SYSTEM');
