import { Type } from '@mikro-orm/core';

/** PostgreSQL's `text[]` of any texts: MikroORM's own array type does not quote a comma. */
export class TextArray extends Type<readonly string[], string> {
  override convertToDatabaseValue(values: readonly string[]): string {
    return `{${values.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
  }

  override getColumnType(): string {
    return 'text[]';
  }
}
