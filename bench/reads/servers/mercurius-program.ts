import fastify from 'fastify';
import mercurius from 'mercurius';
import {
  buildsOf,
  foundImages,
  type Image,
  imageById,
  namespacesOf,
  openPool,
  pageOfImages,
} from './rows.ts';
import { scalars, typeDefs } from './schema.ts';

// Mercurius as its own documentation has it: with its JIT from the first time that a query comes, and its own loaders.

const ask = openPool(process.env['DATABASE_URL'] ?? '');

interface ListArgs {
  readonly first: number;
  readonly after?: string | null;
  readonly filter?: { readonly search: string; readonly status: readonly string[] } | null;
}

interface Load<Params = object> {
  readonly obj: Image;
  readonly params: Params;
}

const server = fastify();
await server.register(mercurius, {
  schema: typeDefs,
  jit: 1,
  resolvers: {
    ...scalars,
    Query: {
      image: async (_: unknown, { id }: { id: string }) => await imageById(ask, id),
      images: async (_: unknown, { first, after, filter }: ListArgs) =>
        filter ? await foundImages(ask, first, filter) : await pageOfImages(ask, first, after),
    },
  },
  loaders: {
    Image: {
      namespace: {
        loader: async (loads: readonly Load[]) =>
          await namespacesOf(
            ask,
            loads.map(({ obj }) => obj),
          ),
        // One query asks for no image's twice: its cache would serialise each image for a key.
        opts: { cache: false },
      },
      builds: {
        loader: async (loads: readonly Load<{ first: number }>[]) =>
          await buildsOf(
            ask,
            loads.map(({ obj }) => obj),
            loads[0]?.params.first ?? 20,
          ),
        opts: { cache: false },
      },
    },
  },
});
const url = await server.listen({ host: '127.0.0.1', port: 0 });
process.stdout.write(`serves: ${url}\n`);
