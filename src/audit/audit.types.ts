import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { connectionOf } from '../graphql/connection.ts';
import { NodeInterface } from '../graphql/node.types.ts';
import { DateTime, JSONObject } from '../graphql/scalars.ts';
import { AuditResult, CredentialKind } from '../shared/enums.ts';
import type { AuditRow } from './audit.reads.ts';
import type { GrantFacts } from './audit-event.entity.ts';
import type { OutcomeFacts } from './audit-outcome.entity.ts';
import './audit.enums.ts';

@ObjectType('AuditEvent', {
  implements: NodeInterface,
  description:
    'A mutation that somebody has begun, and what came of it. Events are never changed nor deleted. Of the input its ids are kept and what it says of rights; other values may be secrets.',
  simpleResolvers: true,
})
export class AuditEventObject
  extends NodeInterface
  implements
    Pick<
      AuditRow,
      | 'id'
      | 'at'
      | 'userName'
      | 'credential'
      | 'action'
      | 'inputIds'
      | 'grants'
      | 'facts'
      | 'result'
      | 'address'
      | 'requestId'
    >
{
  @Field(() => DateTime, {
    description: 'When it began. Within one process no two events have the same time.',
  })
  at!: Date;

  @Field(() => String, { description: "The user's name, as it was then." })
  userName!: string;

  @Field(() => CredentialKind, { description: 'With what the user had signed in.' })
  credential!: CredentialKind;

  @Field(() => String, { description: "The mutation's name, e.g. `purgeImage`." })
  action!: string;

  @Field(() => [ID], {
    description:
      'The global ids in its input, whether or not there are such objects; of more than 100 the first: grants.omittedIds says how many are left out.',
  })
  inputIds!: readonly string[];

  @Field(() => JSONObject, {
    nullable: true,
    description:
      'What its input says of rights: userName, role, isAdmin, isActive, subject, scopes, expiresAt, visibility, as far as they were given; and omittedIds, see inputIds; null: nothing.',
  })
  grants!: GrantFacts | null;

  @Field(() => JSONObject, {
    nullable: true,
    description:
      'What came of it that ids do not say. Of an import: created and updated, how many images; madePublic, how many of these are PUBLIC that were not before; madePrivate, how many are PRIVATE that were PUBLIC. omittedIds: how many ids objectIds leaves out. null: nothing, or nothing is known of it.',
  })
  facts!: OutcomeFacts | null;

  @Field(() => AuditResult, {
    nullable: true,
    description: 'What came of it; null: it runs, or its process ended before that was known.',
  })
  result!: AuditResult | null;

  @Field(() => String, {
    nullable: true,
    description: 'The address that the request came from; null: it is not known.',
  })
  address!: string | null;

  @Field(() => String, {
    description:
      "The request's id, which is in the server's log and in the response's header `x-request-id`. All operations of a socket have the same one.",
  })
  requestId!: string;
}

export const AuditEventConnection = connectionOf('AuditEvent', AuditEventObject);

@InputType({
  description: 'Which events. All given conditions hold at once; what is absent or null does not narrow.',
})
export class AuditEventFilter {
  @Field(() => String, { nullable: true, description: 'Begun by the user of this name.' })
  userName?: string | null;

  @Field(() => String, { nullable: true, description: "The mutation's name, e.g. `purgeImage`." })
  action?: string | null;

  @Field(() => [AuditResult], {
    nullable: true,
    description: 'One of these; what has no result yet is none of them.',
  })
  result?: AuditResult[] | null;

  @Field(() => ID, { nullable: true, description: 'A global id that is among `inputIds` or `objectIds`.' })
  objectId?: string | null;

  @Field(() => String, { nullable: true, description: "The request's id." })
  requestId?: string | null;

  @Field(() => String, { nullable: true, description: 'The address, as `AuditEvent.address` prints it.' })
  address?: string | null;

  @Field(() => DateTime, { nullable: true, description: 'Begun at this time or after it.' })
  since?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'Begun before this time.' })
  until?: Date | null;
}
