import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { TextArray } from '../db/text-array.ts';
import type { CredentialKind } from '../shared/enums.ts';
import type { Row } from '../shared/row.ts';
import { onlyGrows } from './only-grows.ts';

/**
 * The values in an input that say who gets which rights: `userName`, `role`, `visibility` and the like. Without them a trail could not tell
 * who made whom an owner.
 */
export type GrantFacts = Readonly<Record<string, unknown>>;

/**
 * A mutation that somebody has begun. Rows are only ever added, which triggers of the database see to; so nothing here refers to
 * rows that may go.
 */
export const AuditEvent = defineEntity({
  name: 'AuditEvent',
  tableName: 'audit_event',
  indexes: [
    { name: 'audit_event_at', properties: ['at', 'id'] },
    { name: 'audit_event_user', properties: ['userId', 'at', 'id'] },
    { name: 'audit_event_action', properties: ['action', 'at', 'id'] },
    { name: 'audit_event_address', properties: ['address', 'at', 'id'] },
    { name: 'audit_event_request', properties: ['requestId'] },
    {
      name: 'audit_event_input_ids',
      expression: 'create index "audit_event_input_ids" on "audit_event" using gin (input_ids)',
    },
  ],
  triggers: [onlyGrows('audit_event')],
  properties: {
    id: p.uuid().primary(),
    at: p.datetime(3),
    userId: p.uuid(),
    /** As it was then. */
    userName: p.string(),
    credential: p.string().$type<CredentialKind>(),
    /** Which access token. */
    accessTokenId: p.uuid().strictNullable(),
    /** The mutation's name. */
    action: p.string(),
    /** The global ids that stand in its input. */
    inputIds: p.type(TextArray).$type<readonly string[]>(),
    /** What its input says of rights, see {@link GrantFacts}; `null`: nothing. */
    grants: p.json().$type<GrantFacts>().strictNullable(),
    /** Where the request came from. */
    address: p.string().strictNullable(),
    requestId: p.string(),
  },
});
export type AuditEvent = Row<InferEntity<typeof AuditEvent>>;
