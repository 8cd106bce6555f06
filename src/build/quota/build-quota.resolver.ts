import { Ctx, Extensions, FieldResolver, Resolver, Root } from 'type-graphql';
import type { Context } from '../../graphql/context.ts';
import { QuotaObject, type QuotaOwner, QuotaUseObject, quotaUse } from '../../scope/scope-quota.types.ts';

@Resolver(() => QuotaObject)
export class QuotaBuildsResolver {
  @Extensions({ cost: 10 })
  @FieldResolver(() => QuotaUseObject, {
    description: 'Builds that have not ended: waiting, running, and being cancelled.',
  })
  concurrentBuilds(@Root() quota: QuotaOwner, @Ctx() { loaders }: Context) {
    return quotaUse(quota, ({ buildLimit }) => buildLimit, loaders.unfinishedBuilds);
  }
}
