import { Arg, Ctx, Extensions, Mutation, Query, Resolver } from 'type-graphql';
import type { Context } from '../../graphql/context.ts';
import { answer } from '../../graphql/payload.types.ts';
import { ImageFilter } from '../filter/image-filter.inputs.ts';
import { criteriaOf } from '../filter/image-filter.rules.ts';
import type { ImageExport } from './image-export.service.ts';
import type { Imported } from './image-import.service.ts';
import { ImageExportObject, ImportImagesInput, ImportImagesPayload } from './image-transfer.types.ts';

const NOTHING: Imported = {
  created: 0,
  updated: 0,
  unchanged: 0,
  failed: 0,
  rowErrors: [],
  rowErrorCount: 0,
  warnings: [],
  audited: null,
};

/** The catalogue as a file, and back. */
@Resolver()
export class ImageTransferResolver {
  @Extensions({ cost: 1000 })
  @Query(() => ImageExportObject, {
    description:
      'The images that the viewer may see, without deleted and unfinished ones, as the file image_list.json. GET /exports/image_list.json?filter={…} gives the same for any size.',
  })
  async exportImages(
    @Ctx() { imageExports, session }: Context,
    @Arg('filter', () => ImageFilter, { nullable: true, description: 'Which ones; absent: all.' })
    filter?: ImageFilter | null,
  ): Promise<ImageExport> {
    return await imageExports.export(session, criteriaOf(filter));
  }

  @Extensions({ cost: 500 })
  @Mutation(() => ImportImagesPayload, {
    description:
      'Reads an image_list.json: images are found by imageId, else by name, and created, updated or left as they are, in one transaction.',
  })
  async importImages(
    @Arg('input', () => ImportImagesInput) input: ImportImagesInput,
    @Ctx() { imageImports, session }: Context,
  ) {
    const { document, mode, defaults, namespace, validateOnly } = input;
    const { algoType, ...algorithm } = defaults ?? {};
    const run = () =>
      imageImports.import(session, {
        document,
        mode: mode ?? 'ATOMIC',
        defaults: { namespace, algorithm: { ...algorithm, type: algoType } },
        validateOnly: validateOnly === true,
      });
    return await answer<Imported>(input, NOTHING, run);
  }
}
