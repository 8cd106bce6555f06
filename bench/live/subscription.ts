/** What the clients of the measurement select: what a page shows of a log. `lastSeq` comes last: they read nothing else. */
export const DOCUMENT = `subscription Log($buildId: ID!) {
  imageBuildLogs(buildId: $buildId) {
    __typename
    ... on ImageBuildLogLines { lines { seq at stream step text partial } lastSeq }
    ... on ImageBuildLogGap { fromSeq reason toSeq }
    ... on ImageBuildLogEnd { status lastSeq }
  }
}`;

export interface Line {
  readonly seq: number;
  readonly at: Date;
  readonly text: string;
}

/** The text of a line: 80 characters, as package managers print them. */
export const textOf = (number: number): string =>
  `Get:${String(number).padStart(8, '0')} http://deb.example/debian stable/main amd64 libexample amd64 1.2.3-4`.slice(
    0,
    80,
  );

/** The frame with which the server sends such lines, as the raw broadcast has it. */
export function frameOf(id: string, lines: readonly Line[]): string {
  const imageBuildLogs = {
    __typename: 'ImageBuildLogLines',
    lines: lines.map(({ seq, at, text }) => ({ seq, at, stream: 'STDOUT', step: 1, text, partial: false })),
    lastSeq: lines.at(-1)?.seq,
  };
  return JSON.stringify({ id, type: 'next', payload: { data: { imageBuildLogs } } });
}
