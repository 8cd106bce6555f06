import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Row } from '../shared/row.ts';

/** Somebody, or a service account, that signs in. */
export const User = defineEntity({
  name: 'User',
  tableName: 'user_account',
  properties: {
    id: p.uuid().primary(),
    name: p.string().unique('user_account_name'),
    isAdmin: p.boolean(),
    createdAt: p.datetime(3),
  },
});
export type User = Row<InferEntity<typeof User>>;
