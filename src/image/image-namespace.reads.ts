import { sql } from 'kysely';
import { columnsOf } from '../db/columns.ts';
import { SCOPE_COLUMNS } from '../scope/scope.service.ts';
import { columnsFor } from '../shared/selection.ts';
import type { ImageJoin } from './image-join.ts';

/** An image's namespace: whoever may see the image may know of it, and its fields tell by themselves what more they show to whom. */
export const namespaceJoin: ImageJoin = {
  field: 'namespace',
  read(_session, image) {
    if (!image.has('namespace')) return null;
    const columns = [...new Set(['id', ...columnsFor(image.of('namespace'), SCOPE_COLUMNS, {})])];
    return {
      columns,
      rows: sql`select ${columnsOf('namespace', columns)} from namespace where namespace.id = page."namespaceId"`,
    };
  },
  valueOf: (namespace) => namespace ?? undefined,
};
