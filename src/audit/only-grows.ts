import type { TriggerDef } from '@mikro-orm/core';

/** Refuses to change or take away rows of the audit trail, whoever asks; only the table's owner can take the trigger away. */
export const onlyGrows = (table: string): TriggerDef => ({
  name: `${table}_only_grows`,
  timing: 'before',
  events: ['update', 'delete', 'truncate'],
  // As a whole, because PostgreSQL's catalogue, which the differ reads, does not tell of TRUNCATE.
  expression: `create function "${table}_only_grows"() returns trigger language plpgsql as $$ begin raise exception 'the audit trail only grows' using errcode = 'insufficient_privilege'; end $$; create trigger "${table}_only_grows" before update or delete or truncate on "${table}" for each statement execute function "${table}_only_grows"()`,
});
