import fastify from 'fastify';
import mercurius from 'mercurius';
import { queryResolvers } from './resolvers.ts';
import { buildsOf, type Image, namespacesOf, openPool } from './rows.ts';
import { scalars, typeDefs } from './schema.ts';

// Mercurius as its own documentation has it: with its JIT from the first time that a query comes, and its own loaders.

const ask = openPool(process.env['DATABASE_URL'] ?? '');

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
    Query: queryResolvers(ask),
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
