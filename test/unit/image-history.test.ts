import { describe, expect, it } from 'vitest';
import { historyOf, type ToldEntry } from '../../src/engine/docker/image-history.ts';

const entry = (CreatedBy: string, Size = 0, Comment = ''): ToldEntry => ({
  Created: 1_700_000_000,
  CreatedBy,
  Comment,
  Size,
});
/** What made a layer, the oldest first. */
const layersOf = (told: readonly ToldEntry[], layers: number) =>
  historyOf(told.toReversed(), layers)
    .filter((found) => !found.empty_layer)
    .map((found) => found.created_by);

describe('the history of an image', () => {
  it('is told the oldest first, with times and comments as they were', () => {
    expect(historyOf([entry('CMD ["sh"]'), entry('ADD root.tar /', 7, 'a base')], 1)).toEqual([
      { created: '2023-11-14T22:13:20.000Z', created_by: 'ADD root.tar /', comment: 'a base' },
      { created: '2023-11-14T22:13:20.000Z', created_by: 'CMD ["sh"]', empty_layer: true },
    ]);
  });

  it('has a layer where there is a size', () => {
    expect(
      layersOf([entry('busybox', 5), entry('ENV A=b'), entry('RUN make', 3), entry('RUN true')], 2),
    ).toEqual(['busybox', 'RUN make']);
  });

  it.each([
    [
      'the classic builder',
      '/bin/sh -ec true',
      '/bin/sh -ec #(nop) COPY file:1 in / ',
      '/bin/sh -ec #(nop)  ENV A=RUN',
    ],
    ['BuildKit', 'RUN /bin/sh -c true # buildkit', 'COPY a / # buildkit', 'ENV A=RUN'],
  ])('has a layer without files where %s can have made one', (_, run, copy, setting) => {
    expect(layersOf([entry('base', 5), entry(run), entry(setting), entry(copy)], 3)).toEqual([
      'base',
      run,
      copy,
    ]);
  });

  it.each(['WORKDIR /w', '/bin/sh -c #(nop) WORKDIR /w'])(
    'takes "%s" for a layer only where one is missing',
    (workdir) => {
      const told = [entry('base', 5), entry(workdir), entry('RUN true')];
      expect(layersOf(told, 3)).toEqual(['base', workdir, 'RUN true']);
      expect(layersOf(told, 2)).toEqual(['base', 'RUN true']);
      expect(layersOf(told, 1)).toEqual(['base']);
    },
  );

  it.each([
    [
      'of two that may be it nobody can say which one it is',
      [entry('base', 5), entry('RUN a'), entry('RUN b')],
      2,
    ],
    ['there are fewer entries than layers', [entry('base', 5)], 3],
    ['there are more sizes than layers', [entry('base', 5), entry('RUN a', 5)], 1],
    ['there is none', [], 2],
  ])('fits the layers also where %s', (_, told, layers) => {
    const found = historyOf(told, layers);
    expect(found).toHaveLength(layers);
    expect(found.some((known) => known.empty_layer)).toBe(false);
  });
});
