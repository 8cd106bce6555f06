import { Field, InputType, ObjectType } from 'type-graphql';
import { SafeInt } from '../graphql/scalars.ts';
import type { QuotaInput, ScopeKind, ScopeLimits } from './scope.rules.ts';

/** Whose quota: what resolvers of later features compute its fields from. */
export interface QuotaOwner {
  readonly kind: ScopeKind;
  readonly id: string;
  /** `null` for a viewer who may not read the namespace or workspace: they are told of no limit and no use. */
  readonly limits: ScopeLimits | null;
}

/** Its fields are added by the features whose rows they count. */
@ObjectType('Quota', {
  description:
    'How much a namespace or workspace may have, and has. Use is counted when it is asked for, so it is exact after every delete, purge and failure. Administrators set the limits. For a viewer who may not read the namespace or workspace: no limits, and 0 used.',
  simpleResolvers: true,
})
export class QuotaObject {}

@ObjectType('QuotaUse', {
  description: 'A limit and what is used of it.',
  simpleResolvers: true,
})
export class QuotaUseObject {
  @Field(() => SafeInt, {
    nullable: true,
    description: 'More than this is refused with QUOTA_EXCEEDED; null: no limit.',
  })
  limit!: number | null;

  @Field(() => SafeInt, {
    description:
      'How much there is now; more than the limit where that was lowered below what was there already.',
  })
  used!: number;
}

/** A use as resolvers return it: counted only where it is asked for. */
export function quotaUse(
  { kind, id, limits }: QuotaOwner,
  limitOf: (limits: ScopeLimits) => number | null,
  uses: Readonly<Record<ScopeKind, { load(id: string): Promise<number | null> }>>,
) {
  if (limits === null) return { limit: null, used: 0 };
  return { limit: limitOf(limits), used: async () => (await uses[kind].load(id)) ?? 0 };
}

@InputType('QuotaInput', {
  description:
    'Limits of a namespace or workspace: whole numbers from 0; absent keeps a limit, null takes it away. A limit below what there is already deletes nothing: it only stops more.',
})
export class QuotaInputObject implements QuotaInput {
  @Field(() => SafeInt, {
    nullable: true,
    description: 'How many live images it may have, at most 2147483647; null: any number.',
  })
  images?: number | null;

  @Field(() => SafeInt, {
    nullable: true,
    description: "How many bytes its images may take in the platform's registry; null: any number.",
  })
  storageBytes?: number | null;

  @Field(() => SafeInt, {
    nullable: true,
    description: 'How many unfinished builds it may have, at most 2147483647; null: any number.',
  })
  concurrentBuilds?: number | null;
}
