import { lexicographicSortSchema, printSchema } from 'graphql';
import { expect, it } from 'vitest';
import { createSchema } from '../../src/graphql/schema.ts';

it('promises what schema.graphql says (npm run schema writes it anew)', async () => {
  await expect(`${printSchema(lexicographicSortSchema(createSchema()))}\n`).toMatchFileSnapshot(
    '../../schema.graphql',
  );
});
