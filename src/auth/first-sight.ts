import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Db } from '../db/tables.ts';
import { isTaken } from '../db/violations.ts';
import type { Logger } from '../shared/logger.ts';
import type { Identity } from './oidc.ts';
import { isOperators } from './user-name.rules.ts';

/** The id of the user that an identity is, `null` where it may not be one; the user may be deactivated. */
export type UserOf = (identity: Identity) => Promise<string | null>;

/**
 * Finds the user of an identity, in one statement. On first sight it becomes the person whom somebody has given roles under
 * that name before, else a new user. It never becomes the operator's user, an administrator, a service account, somebody who was
 * deactivated, somebody with another identity, or somebody who has ever had an access token: before there were service accounts,
 * programs were such users, and whoever got hold of their name would get all that they may do.
 */
export function createUserOf(db: Db, log: Logger): UserOf {
  async function known({ issuer, subject }: Identity): Promise<string | null> {
    const { rows } = await sql<{ id: string }>`
      select id from user_account where issuer = ${issuer} and subject = ${subject}`.execute(db);
    return rows[0]?.id ?? null;
  }

  /** Takes over, or makes. @returns `null` where another request was faster, or the name may not be had */
  async function bind({ issuer, subject, name }: Identity): Promise<string | null> {
    const { rows } = await sql<{ id: string }>`
      with taken_over as (
        update user_account set issuer = ${issuer}, subject = ${subject}
        where name = ${name} and kind = 'PERSON' and not is_admin and deactivated_at is null and issuer is null
          and not exists (select from access_token where user_id = user_account.id)
          and not exists (select from user_account where issuer = ${issuer} and subject = ${subject})
        returning id
      ), made as (
        insert into user_account (id, name, kind, is_admin, issuer, subject, created_at)
        select ${randomUUID()}::uuid, ${name}, 'PERSON', false, ${issuer}, ${subject}, now()
        where not exists (select from taken_over)
        on conflict do nothing
        returning id
      )
      select id from taken_over union all select id from made`.execute(db);
    return rows[0]?.id ?? null;
  }

  /** Two tokens of one subject can come at once under two names, and then one of the statements may break off. */
  async function bindOnce(identity: Identity): Promise<string | null> {
    try {
      return await bind(identity);
    } catch (error) {
      if (isTaken(error, 'user_account_identity')) return null;
      throw error;
    }
  }

  async function refuse({ name, subject }: Identity): Promise<null> {
    const { rows } = await sql<{ reason: string }>`
      select case when is_admin then 'is an administrator'
        when kind <> 'PERSON' then 'is a service account'
        when deactivated_at is not null then 'is deactivated'
        when issuer is not null then 'belongs to another subject'
        when exists (select from access_token where user_id = user_account.id) then 'has had access tokens'
        else 'was given up a moment ago' end as reason
      from user_account where name = ${name}`.execute(db);
    const reason = isOperators(name) ? "is the operator's" : (rows[0]?.reason ?? 'was given up a moment ago');
    const advice =
      'if it is them, have an administrator link the two: updateUser(input: { id, subject }); else rename them at the issuer, or set OIDC_USERNAME_CLAIM to a claim that is unique';
    log.warn({ subject, name }, `a good JWT signs nobody in: the name "${name}" ${reason}; ${advice}`);
    return null;
  }

  return async (identity) => {
    const id = await known(identity);
    if (id !== null) return id;
    if (isOperators(identity.name)) return await refuse(identity);
    return (await bindOnce(identity)) ?? (await known(identity)) ?? (await refuse(identity));
  };
}
