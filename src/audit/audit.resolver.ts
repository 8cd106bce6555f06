import { Arg, Args, Ctx, FieldResolver, ID, Query, Resolver, Root } from 'type-graphql';
import { type Connection, ConnectionArgs, toConnection } from '../graphql/connection.ts';
import type { Context } from '../graphql/context.ts';
import { DateTime } from '../graphql/scalars.ts';
import { readGlobalId, toGlobalId } from '../shared/global-id.ts';
import type { User } from '../user/user.entity.ts';
import { UserObject } from '../user/user.types.ts';
import type { AuditCriteria, AuditRow } from './audit.reads.ts';
import { AuditEventConnection, AuditEventFilter, AuditEventObject } from './audit.types.ts';

/** The filter as the service takes it: ids as they are written down. */
function criteriaOf({ objectId, ...rest }: AuditEventFilter): AuditCriteria {
  if (typeof objectId !== 'string') return rest;
  const { type, uid } = readGlobalId(objectId, ['filter', 'objectId']);
  return { ...rest, objectId: toGlobalId(type, uid) };
}

@Resolver(() => AuditEventObject)
export class AuditResolver {
  @Query(() => AuditEventConnection, {
    description:
      'The audit trail, newest first: every mutation that has begun, whoever asked for it. Administrators only. What was refused before it began is not in it, only in the log: sign-ins that failed, operations over a limit, tokens without the scope WRITE, inputs that are not of their type.',
  })
  auditEvents(
    @Ctx() { audit, session }: Context,
    @Args(() => ConnectionArgs) args: ConnectionArgs,
    @Arg('filter', () => AuditEventFilter, { nullable: true, description: 'Which ones; absent: all.' })
    filter?: AuditEventFilter | null,
  ): Connection<AuditRow> {
    return toConnection(audit.page(session, criteriaOf(filter ?? {}), args));
  }

  @FieldResolver(() => DateTime, {
    nullable: true,
    description: 'When its result was known; null: it is not, see `result`.',
  })
  finishedAt(@Root() event: AuditRow): Date | null {
    return event.finishedAt === null ? null : new Date(event.finishedAt);
  }

  @FieldResolver(() => UserObject, {
    nullable: true,
    description: 'Who began it; null: there is none any more.',
  })
  async user(@Root() event: AuditRow, @Ctx() { loaders }: Context): Promise<User | null> {
    return await loaders.user.load(event.userId);
  }

  @FieldResolver(() => ID, {
    nullable: true,
    description: 'The access token that the user had signed in with; null: it was no access token.',
  })
  accessTokenId(@Root() event: AuditRow): string | null {
    return event.accessTokenId === null ? null : toGlobalId('AccessToken', event.accessTokenId);
  }

  @FieldResolver(() => [ID], {
    description:
      'The global ids of what was made, changed or taken away, and of an access token whose it is; of more than 100 the first, those of an import first that became public or private: facts.omittedIds says how many are left out. Empty where it was not done, or nothing is known of it.',
  })
  objectIds(@Root() event: AuditRow): readonly string[] {
    return event.objectIds ?? [];
  }

  @FieldResolver(() => [String], {
    description:
      'Why it was not done: the codes of its userErrors or rowErrors, or of the error that it failed with. Empty where it was done, or nothing is known of it.',
  })
  codes(@Root() event: AuditRow): readonly string[] {
    return event.codes ?? [];
  }
}
