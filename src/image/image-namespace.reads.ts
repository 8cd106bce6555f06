import { columnsOf } from '../db/columns.ts';
import { plainSql } from '../db/plain-sql.ts';
import { SCOPE_COLUMNS } from '../scope/scope.service.ts';
import { columnsFor } from '../shared/selection.ts';
import type { ImageJoin } from './image-join.ts';

const namespaceColumns = columnsFor(SCOPE_COLUMNS, {});

/** An image's namespace: whoever may see the image may know of it, and its fields tell by themselves what more they show to whom. */
export const namespaceJoin: ImageJoin = {
  field: 'namespace',
  read(_session, image) {
    if (!image.has('namespace')) return null;
    const columns = namespaceColumns(image.of('namespace'));
    return {
      columns,
      rows: plainSql`select ${columnsOf('namespace', columns)} from namespace where namespace.id = page."namespaceId"`,
    };
  },
  valueOf: (namespace) => namespace ?? undefined,
};
