import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { TextArray } from '../db/text-array.ts';
import type { AuditResult } from '../shared/enums.ts';
import type { Row } from '../shared/row.ts';
import { onlyGrows } from './only-grows.ts';

/** What came of a mutation that ids do not say, e.g. how many images an import has made public. Never a value that may be secret. */
export type OutcomeFacts = Readonly<Record<string, unknown>>;

/** What came of an {@link AuditEvent}; there is none where the process died before it was known. Rows are only ever added. */
export const AuditOutcome = defineEntity({
  name: 'AuditOutcome',
  tableName: 'audit_outcome',
  indexes: [
    {
      name: 'audit_outcome_unusual',
      expression:
        'create index "audit_outcome_unusual" on "audit_outcome" (result, at) where result not in (\'DONE\', \'CHECKED\')',
    },
    {
      name: 'audit_outcome_object_ids',
      expression: 'create index "audit_outcome_object_ids" on "audit_outcome" using gin (object_ids)',
    },
  ],
  triggers: [onlyGrows('audit_outcome')],
  properties: {
    eventId: p.uuid().primary(),
    at: p.datetime(3),
    result: p.string().$type<AuditResult>(),
    /** Of its userErrors, or of the error that it failed with. */
    codes: p.type(TextArray).$type<readonly string[]>(),
    /** The global ids of what was made, changed or taken away, and of access tokens whose they are. */
    objectIds: p.type(TextArray).$type<readonly string[]>(),
    /** See {@link OutcomeFacts}; `null`: nothing. */
    facts: p.json().$type<OutcomeFacts>().strictNullable(),
  },
});
export type AuditOutcome = Row<InferEntity<typeof AuditOutcome>>;
