import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { finished, startBuild, wholeLog } from '../support/builds.ts';
import { logEvent, stepEvent } from '../support/fake-engine.ts';

const LINES = 2500;

let slipway: TestApp;
let buildId: string;
let whole: { seq: number; text: string }[];

beforeAll(async () => {
  slipway = await createTestApp();
  slipway.engine.onBuild(async function* () {
    yield stepEvent({ number: 1, name: 'RUN count' });
    for (let i = 1; i <= LINES; i += 1) yield logEvent(1, `line ${i}\n`);
    yield { kind: 'result', imageId: 'sha256:1' };
  });
  const build = await startBuild(slipway.admin, { dockerfile: 'FROM scratch\nRUN x\n', name: 'counted' });
  buildId = build.id;
  await finished(slipway.admin, buildId);
  whole = (await wholeLog(slipway.admin, buildId)).map(({ seq, text }) => ({ seq, text }));
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

interface LogPage {
  readonly edges: readonly { cursor: string; node: { seq: number } }[];
  readonly nodes: readonly { seq: number; text: string }[];
  readonly gaps: readonly { fromSeq: number }[];
  readonly pageInfo: {
    hasNextPage: boolean;
    hasPreviousPage: boolean;
    startCursor: string | null;
    endCursor: string | null;
  };
  readonly totalCount: number;
}

const QUERY = `query ($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  imageBuild(id: $id) { logs(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { seq } } nodes { seq text } gaps { fromSeq toSeq reason }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } } }`;

async function page(args: Record<string, unknown> = {}): Promise<LogPage> {
  const { imageBuild } = await slipway.admin.run<{ imageBuild: { logs: LogPage } }>(QUERY, {
    id: buildId,
    ...args,
  });
  return imageBuild.logs;
}

it('pages through a log forwards and backwards, as the subscription has it', async () => {
  const forwards: LogPage['nodes'][number][] = [];
  for (let after: string | null = null; ; ) {
    const found: LogPage = await page({ first: 1000, after });
    forwards.push(...found.nodes);
    after = found.pageInfo.endCursor;
    if (!found.pageInfo.hasNextPage) break;
  }
  expect(forwards).toEqual(whole);
  const backwards: LogPage['nodes'][number][] = [];
  for (let before: string | null = null; ; ) {
    const found: LogPage = await page({ last: 999, before });
    backwards.unshift(...found.nodes);
    before = found.pageInfo.startCursor;
    if (!found.pageInfo.hasPreviousPage) break;
  }
  expect(backwards).toEqual(whole);
});

it('begins with 100 lines, and says where the page stands', async () => {
  const found = await page();
  expect(found.nodes).toEqual(whole.slice(0, 100));
  expect(found.edges.map(({ node }) => node.seq)).toEqual(found.nodes.map(({ seq }) => seq));
  expect(found).toMatchObject({
    gaps: [],
    totalCount: whole.length,
    pageInfo: { hasNextPage: true, hasPreviousPage: false },
  });
  const last = await page({ last: 3 });
  expect(last.nodes).toEqual(whole.slice(-3));
  expect(last.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
  expect((await page({ first: 0 })).nodes).toEqual([]);
});

describe('a log of long lines', () => {
  const LINE = 60_000;
  const COUNT = 100;
  let id: string;

  beforeAll(async () => {
    slipway.engine.onBuild(async function* () {
      yield stepEvent({ number: 1, name: 'RUN x' });
      for (let i = 1; i <= COUNT; i += 1) yield logEvent(1, `${i} ${'x'.repeat(LINE)}\n`);
      yield { kind: 'clipped', step: 1, at: new Date() };
      yield { kind: 'result', imageId: 'sha256:1' };
    });
    ({ id } = await startBuild(slipway.admin, { dockerfile: 'FROM scratch\nRUN x\n', name: 'long' }));
    await finished(slipway.admin, id);
  });

  it('has pages of 2 MiB, which fit together forwards and backwards', async () => {
    const seqs: number[][] = [];
    for (let after: string | null = null, more = true; more; ) {
      const { nodes, gaps, pageInfo } = await page({ id, first: 1000, after });
      expect(Buffer.byteLength(nodes.map(({ text }) => text).join(''))).toBeLessThanOrEqual(2 * 1024 * 1024);
      seqs.push([...nodes.map(({ seq }) => seq), ...gaps.map(({ fromSeq }) => fromSeq)]);
      ({ endCursor: after, hasNextPage: more } = pageInfo);
      expect(pageInfo.hasPreviousPage).toBe(seqs.length > 1);
    }
    // The first line of all is short.
    expect(seqs.map(({ length }) => length).slice(0, -1)).toEqual([35, 34]);
    const whole = seqs.flat().toSorted((a, b) => a - b);
    expect(whole).toEqual(whole.map((_, i) => i + 1));
    expect(whole.length).toBeGreaterThan(COUNT);

    const back: number[][] = [];
    for (let before: string | null = null, more = true; more; ) {
      const { nodes, gaps, pageInfo } = await page({ id, last: 1000, before });
      back.unshift([...nodes.map(({ seq }) => seq), ...gaps.map(({ fromSeq }) => fromSeq)]);
      expect(pageInfo.hasNextPage).toBe(before !== null);
      ({ startCursor: before, hasPreviousPage: more } = pageInfo);
    }
    expect(back.length).toBeLessThanOrEqual(4);
    expect(back.flat().toSorted((a, b) => a - b)).toEqual(whole);
  });

  it('goes on behind a page that is a gap', async () => {
    const { gaps, pageInfo } = await page({ id, last: 1000 });
    const { fromSeq } = gaps[0] ?? { fromSeq: 0 };
    expect(pageInfo.hasPreviousPage).toBe(true);
    for (let after: string | null = pageInfo.startCursor; ; ) {
      const found: LogPage = await page({ id, first: 1, after });
      after = found.pageInfo.endCursor;
      if (found.gaps.length === 0) continue;
      expect(found).toMatchObject({ nodes: [], gaps: [{ fromSeq }], pageInfo: { hasNextPage: true } });
      expect((await page({ id, first: 1, after })).nodes[0]?.seq).toBe(fromSeq + 1);
      break;
    }
  });
});

it.each([
  [{ first: 1001 }, 'first'],
  [{ first: -1 }, 'first'],
  [{ first: 1, last: 1 }, 'last'],
  [{ after: 'nonsense' }, 'after'],
])('refuses %j', async (args, path) => {
  const { errors } = await slipway.admin.ask(QUERY, { id: buildId, ...args });
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', details: { path: [path] } });
});

it("does not take another log's cursor", async () => {
  const other = await startBuild(slipway.admin, { dockerfile: 'FROM scratch\nRUN x\n', name: 'another' });
  const after = (await page({ first: 1 })).pageInfo.endCursor;
  const { errors } = await slipway.admin.ask(QUERY, { id: other.id, after });
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT' });
});

it('checks a Dockerfile without building it', async () => {
  const { checkDockerfile } = await slipway.admin.run<{ checkDockerfile: unknown }>(
    `query ($dockerfile: String!) { checkDockerfile(dockerfile: $dockerfile, buildArgs: [{ name: "V", value: "12" }]) {
      valid stages steps baseImages problems { severity code message line column endLine endColumn } } }`,
    { dockerfile: 'ARG V\nFROM debian:$V\nRUN pip3 install numpy==1.19.5\nFROM ubuntu:18:04\n' },
  );
  expect(checkDockerfile).toMatchObject({
    valid: false,
    stages: 2,
    steps: 3,
    baseImages: ['debian:12', 'ubuntu:18:04'],
    problems: [{ severity: 'ERROR', line: 4, column: 6 }],
  });
});
