import { type Ask, foundImages, imageById, pageOfImages } from './rows.ts';

interface ListArgs {
  readonly first: number;
  readonly after?: string | null;
  readonly filter?: { readonly search: string; readonly status: readonly string[] } | null;
}

/** The three operations' root fields, for the peers that are given resolvers. */
export const queryResolvers = (ask: Ask) => ({
  image: async (_: unknown, { id }: { id: string }) => await imageById(ask, id),
  images: async (_: unknown, { first, after, filter }: ListArgs) =>
    filter ? await foundImages(ask, first, filter) : await pageOfImages(ask, first, after),
});
