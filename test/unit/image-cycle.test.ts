import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { circlesOf } from '../../src/image/dependency/image-cycle.rules.ts';
import { atOnce } from '../support/turns.ts';

type Graph = Readonly<Record<string, readonly string[]>>;

/** The members of each component, in alphabetical order. */
function circles(graph: Graph): string[] {
  const found = atOnce(circlesOf(new Map(Object.entries(graph))));
  const groups = Map.groupBy(found.keys(), (name) => found.get(name));
  return [...groups.values()].map((names) => names.sort().join(' ')).sort();
}

describe('the circles of dependencies', () => {
  it.each<[string, Graph, string[]]>([
    ['nothing is there', {}, []],
    ['an image needs itself', { a: ['a'] }, []],
    ['nothing leads back', { a: ['b', 'c'], b: ['c'], c: [] }, []],
    ['what is needed is not there', { a: ['b'] }, []],
    ['two need each other', { a: ['b'], b: ['a'] }, ['a b']],
    ['one leads to a circle and one hangs from it', { a: ['b'], b: ['c'], c: ['b', 'd'], d: [] }, ['b c']],
    ['two circles meet in an image', { a: ['b', 'c'], b: ['a'], c: ['a'] }, ['a b c']],
    ['two circles are joined one way', { a: ['b'], b: ['a', 'c'], c: ['d'], d: ['c'] }, ['a b', 'c d']],
  ])('where %s', (_what, graph, expected) => {
    expect(circles(graph)).toEqual(expected);
  });

  it('are found over a hundred thousand images in a chain, each step a small one', () => {
    const chain = Array.from({ length: 100_000 }, (_, i): [string, string[]] => [`i${i}`, [`i${i + 1}`]]);
    const count = (graph: [string, string[]][]) => atOnce(circlesOf(new Map(graph))).size;
    expect(count(chain)).toBe(0);
    expect(count([...chain, ['i100000', ['i0']]])).toBe(100_001);
  });

  it('are those whose members reach each other', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const graphs = fc.record(
      Object.fromEntries(names.map((name) => [name, fc.subarray(names)])) as Record<
        string,
        fc.Arbitrary<string[]>
      >,
    );
    fc.assert(
      fc.property(graphs, (graph) => {
        const found = atOnce(circlesOf(new Map(Object.entries(graph))));
        for (const a of names) {
          for (const b of names.filter((name) => name !== a)) {
            const isTogether = found.has(a) && found.get(a) === found.get(b);
            expect(isTogether).toBe(reaches(graph, a, b) && reaches(graph, b, a));
          }
        }
      }),
    );
  });
});

function reaches(graph: Graph, from: string, to: string): boolean {
  const reached = new Set([from]);
  for (const name of reached) for (const target of graph[name] ?? []) reached.add(target);
  return reached.has(to);
}
