import { Ctx, Extensions, FieldResolver, Resolver, Root } from 'type-graphql';
import type { Context } from '../../graphql/context.ts';
import { QuotaObject, type QuotaOwner, QuotaUseObject, quotaUse } from '../../scope/scope-quota.types.ts';

@Resolver(() => QuotaObject)
export class QuotaImagesResolver {
  @Extensions({ cost: 10 })
  @FieldResolver(() => QuotaUseObject, {
    description:
      'Live images: each holds a name in the catalogue. Deleted ones and those that failed to be made do not count; one that is to replace another (overwriteTag) counts as soon as it has, and the replaced one no more.',
  })
  images(@Root() quota: QuotaOwner, @Ctx() { loaders }: Context) {
    return quotaUse(quota, ({ imageLimit }) => imageLimit, loaders.liveImages);
  }

  @Extensions({ cost: 10 })
  @FieldResolver(() => QuotaUseObject, {
    description:
      "What its images take in the platform's own registry, in bytes: the sum of their sizeBytes, a layer that two images share counted twice. Deleted and replaced ones still lie there and count until they are purged; images in other registries do not count.",
  })
  storageBytes(@Root() quota: QuotaOwner, @Ctx() { loaders }: Context) {
    return quotaUse(quota, ({ storageLimitBytes }) => storageLimitBytes, loaders.storedBytes);
  }
}
