import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { useGraphQlJit } from '@envelop/graphql-jit';
import DataLoader from 'dataloader';
import { createSchema, createYoga } from 'graphql-yoga';
import { queryResolvers } from './resolvers.ts';
import { type Build, buildsOf, type Image, type Namespace, namespacesOf, openPool } from './rows.ts';
import { scalars, typeDefs } from './schema.ts';

// Yoga on Node's own server, with the plugin for graphql-jit, and without what only a browser wants.

const ask = openPool(process.env['DATABASE_URL'] ?? '');

interface Loaders {
  readonly namespace: DataLoader<Image, Namespace | null>;
  readonly builds: (first: number) => DataLoader<Image, { nodes: Build[] }>;
}

/** One loader for each number that is asked for. */
function createLoaders(): Loaders {
  const builds = new Map<number, DataLoader<Image, { nodes: Build[] }>>();
  return {
    namespace: new DataLoader((images) => namespacesOf(ask, images), { cache: false }),
    builds: (first) => {
      const known = builds.get(first);
      if (known !== undefined) return known;
      const loader = new DataLoader<Image, { nodes: Build[] }>((images) => buildsOf(ask, images, first), {
        cache: false,
      });
      builds.set(first, loader);
      return loader;
    },
  };
}

const yoga = createYoga({
  schema: createSchema<Loaders>({
    typeDefs,
    resolvers: {
      ...scalars,
      Query: queryResolvers(ask),
      Image: {
        namespace: (image: Image, _: object, { namespace }: Loaders) => namespace.load(image),
        builds: (image: Image, { first }: { first: number }, { builds }: Loaders) =>
          builds(first).load(image),
      },
    },
  }),
  context: createLoaders,
  plugins: [useGraphQlJit()],
  logging: false,
  graphiql: false,
  landingPage: false,
  cors: false,
  multipart: false,
});
const server = createServer((request, response) => void yoga(request, response));
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`serves: http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
