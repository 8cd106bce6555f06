import { defineEntity, p, type TriggerDef } from '@mikro-orm/core';
import { User } from './user.entity.ts';

/**
 * Which of all states a user's roles are in: another value with every change of them, whoever makes it, and never one that was there
 * before. So who signs in again need not read them again. Where a user has none, their roles may be anything.
 */
export const RoleVersion = defineEntity({
  name: 'RoleVersion',
  tableName: 'role_version',
  properties: {
    userId: () => p.oneToOne(User).mapToPk().name('user_id').primary().deleteRule('cascade'),
    version: p.uuid(),
  },
});

/**
 * Gives users a new {@link RoleVersion} with each change of a table of roles. Transactions that change the roles of one user wait for each
 * other, so that no version is seen before its roles are; it is the last thing that each of them locks.
 */
export const versionsRoles = (table: string): TriggerDef => ({
  name: `${table}_version`,
  timing: 'after',
  events: ['insert', 'update', 'delete'],
  forEach: 'row',
  // With a function for each table, since the differ knows of those alone that come with a trigger.
  // As a whole, because PostgreSQL's catalogue, which the differ reads, does not tell of TRUNCATE. A user who is deleted themselves is no
  // longer among the users by then.
  expression: `create function "${table}_version"() returns trigger language plpgsql as $$ begin if tg_op = 'TRUNCATE' then update public.role_version set version = gen_random_uuid(); else insert into public.role_version (user_id, version) select id, gen_random_uuid() from public.user_account where id in (old.user_id, new.user_id) order by id on conflict (user_id) do update set version = excluded.version; end if; return null; end $$; create trigger "${table}_version" after insert or update or delete on "${table}" for each row execute function "${table}_version"(); create trigger "${table}_version_truncate" after truncate on "${table}" for each statement execute function "${table}_version"()`,
});
