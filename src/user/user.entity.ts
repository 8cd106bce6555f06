import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { UserKind } from '../shared/enums.ts';
import type { Row } from '../shared/row.ts';

/** Somebody, or a service account, that signs in. */
export const User = defineEntity({
  name: 'User',
  tableName: 'user_account',
  uniques: [{ name: 'user_account_identity', properties: ['issuer', 'subject'] }],
  properties: {
    id: p.uuid().primary(),
    name: p.string().unique('user_account_name'),
    kind: p.string().$type<UserKind>().default('PERSON'),
    /** What a service account is for. */
    description: p.text().strictNullable(),
    isAdmin: p.boolean(),
    /** Since then none of their credentials is good; `null`: they may sign in. */
    deactivatedAt: p.datetime(3).strictNullable(),
    /** Who they are to the OIDC issuer, once they have signed in by it: both or neither. */
    issuer: p.string().strictNullable(),
    subject: p.string().strictNullable(),
    createdAt: p.datetime(3),
  },
});
export type User = Row<InferEntity<typeof User>>;
