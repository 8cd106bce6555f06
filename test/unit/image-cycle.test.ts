import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shortestWayBack } from '../../src/image/image-cycle.rules.ts';
import { printImageName } from '../../src/image/image-dependency.rules.ts';

const named = (name: string) => ({ namespace: 'ns', name, tag: '1' });
const graphOf = (edges: Readonly<Record<string, readonly string[]>>) =>
  new Map(Object.entries(edges).map(([from, to]) => [printImageName(named(from)), to.map(named)]));
const wayBack = (
  self: string,
  targets: readonly string[],
  edges: Readonly<Record<string, readonly string[]>>,
) => shortestWayBack(named(self), targets.map(named), graphOf(edges))?.map(({ name }) => name) ?? null;

describe('the way from an image back to itself', () => {
  it.each<[string, string[], Record<string, string[]>, string[] | null]>([
    ['nothing is needed', [], {}, null],
    ['it needs itself', ['a'], {}, null],
    ['what it needs needs nothing', ['b'], { b: [] }, null],
    ['two need each other', ['b'], { b: ['a'] }, ['a', 'b', 'a']],
    ['one in between', ['c', 'b'], { b: ['c'], c: ['d'], d: ['a'] }, ['a', 'c', 'd', 'a']],
    ['others go round among themselves', ['b'], { b: ['c'], c: ['b'] }, null],
    ['it needed others before', ['b'], { a: ['c'], c: ['a'] }, null],
  ])('where %s', (_what, targets, edges, way) => {
    expect(wayBack('a', targets, edges)).toEqual(way);
  });

  it('is found over ten thousand images, and past as many that lead nowhere', () => {
    const chain = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`i${i}`, [`i${i + 1}`, 'x']]));
    expect(wayBack('i10000', ['i0'], chain)).toHaveLength(10_002);
    expect(wayBack('other', ['i0'], chain)).toBeNull();
  });

  it('is a way, and none is shorter', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const edges = fc.record(
      Object.fromEntries(names.map((name) => [name, fc.subarray(names)])) as Record<
        string,
        fc.Arbitrary<string[]>
      >,
    );
    fc.assert(
      fc.property(edges, (graph) => {
        const way = wayBack('a', graph['a'] ?? [], graph);
        expect(way?.length ?? null).toBe(lengthByTrying(graph));
        for (const [index, name] of (way ?? []).slice(1).entries()) {
          expect(graph[(way as string[])[index] as string]).toContain(name);
        }
      }),
    );
  });
});

/** The names on the shortest way from `a` over another one back to `a`, found by taking ever more steps. */
function lengthByTrying(graph: Readonly<Record<string, readonly string[]>>): number | null {
  let reached = new Set((graph['a'] ?? []).filter((name) => name !== 'a'));
  for (let steps = 2; steps <= 6; steps += 1) {
    const next = new Set([...reached].flatMap((name) => graph[name] ?? []));
    if (next.has('a')) return steps + 1;
    reached = next;
  }
  return null;
}
