import {
  GraphQLBoolean,
  GraphQLError,
  GraphQLInt,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLScalarType,
  GraphQLSchema,
  GraphQLString,
} from 'graphql';
import {
  AccessEndedError,
  ForbiddenError,
  NotFoundError,
  UnauthenticatedError,
  UnavailableError,
} from '../../src/shared/errors.ts';

export interface EdgeSession {
  readonly name: string;
}

/** What the edges' own little schema works with. */
export interface EdgeContext {
  readonly session: EdgeSession;
  readonly kind: 'request' | 'subscription';
}

export interface EdgeSchemaHooks {
  /** `slow` answers when it resolves. */
  readonly released: Promise<void>;
  /** Told +1 and -1 as `slow` and `endless` start and end. */
  readonly onRunning: (change: number) => void;
}

/** Why `accessEnds` ends. */
const REASONS = {
  NOT_FOUND: new NotFoundError(),
  FORBIDDEN: new ForbiddenError(),
  UNAUTHENTICATED: new UnauthenticatedError(),
};

/** Fields that succeed, fail in every way the edges must tell apart, wait, and stream. */
export function createEdgeSchema(hooks: EdgeSchemaHooks): GraphQLSchema {
  const Unserialisable = new GraphQLScalarType({
    name: 'Unserialisable',
    serialize: (value) => {
      throw new GraphQLError(`cannot print ${String(value)}`);
    },
  });

  /** Passes GraphQL, but is no JSON. */
  const Unsendable = new GraphQLScalarType({ name: 'Unsendable', serialize: () => 1n });

  const Query: GraphQLObjectType<unknown, EdgeContext> = new GraphQLObjectType<unknown, EdgeContext>({
    name: 'Query',
    fields: () => ({
      me: { type: GraphQLString, resolve: (_root, _args, { session }) => session.name },
      kind: { type: GraphQLString, resolve: (_root, _args, { kind }) => kind },
      echo: {
        type: GraphQLString,
        args: {
          text: { type: new GraphQLNonNull(GraphQLString) },
          times: { type: GraphQLInt, defaultValue: 1 },
        },
        resolve: (_root, { text, times }: { text: string; times: number }) => text.repeat(times),
      },
      nested: { type: Query, resolve: () => ({}) },
      forbidden: {
        type: GraphQLString,
        resolve: () => {
          throw new ForbiddenError('Only owners may do this.', { role: 'VIEWER' });
        },
      },
      secretFault: {
        type: GraphQLString,
        resolve: () => {
          throw new Error('select password from users at db.internal');
        },
      },
      foreignCode: {
        type: GraphQLString,
        resolve: () => {
          throw new GraphQLError('from a library', {
            extensions: { code: 'SOMETHING', secret: 'db.internal' },
          });
        },
      },
      databaseGone: {
        type: GraphQLString,
        resolve: () => {
          const cause = Object.assign(new Error('connect ECONNREFUSED 10.1.2.3:5432'), {
            code: 'ECONNREFUSED',
          });
          throw new Error('the query failed', { cause });
        },
      },
      unsendable: { type: Unsendable, resolve: () => 'x' },
      unserialisable: { type: Unserialisable, resolve: () => 'db.internal' },
      slow: {
        type: GraphQLString,
        resolve: async () => {
          hooks.onRunning(1);
          await hooks.released;
          hooks.onRunning(-1);
          return 'done';
        },
      },
    }),
  });

  const Mutation = new GraphQLObjectType({
    name: 'Mutation',
    fields: { touch: { type: GraphQLBoolean, resolve: () => true } },
  });

  const identity = (event: unknown) => event;
  const Subscription = new GraphQLObjectType<unknown, EdgeContext>({
    name: 'Subscription',
    fields: {
      count: {
        type: GraphQLInt,
        args: { to: { type: new GraphQLNonNull(GraphQLInt) } },
        resolve: identity,
        async *subscribe(_root, { to }: { to: number }) {
          for (let n = 1; n <= to; n += 1) yield n;
        },
      },
      endless: {
        type: GraphQLInt,
        resolve: identity,
        async *subscribe() {
          hooks.onRunning(1);
          try {
            for (let n = 1; ; n += 1) {
              yield n;
              await new Promise((resolve) => setImmediate(resolve));
            }
          } finally {
            hooks.onRunning(-1);
          }
        },
      },
      kind: {
        type: GraphQLString,
        resolve: identity,
        async *subscribe(_root, _args, { kind }) {
          yield kind;
        },
      },
      faultAfterOne: {
        type: GraphQLInt,
        resolve: identity,
        async *subscribe() {
          yield 1;
          throw new Error('relation "secret" does not exist');
        },
      },
      accessEnds: {
        type: GraphQLInt,
        args: { reason: { type: new GraphQLNonNull(GraphQLString) } },
        resolve: identity,
        async *subscribe(_root, { reason }: { reason: keyof typeof REASONS }) {
          yield 1;
          throw new AccessEndedError(REASONS[reason]);
        },
      },
      away: {
        type: GraphQLInt,
        resolve: identity,
        subscribe: () => {
          throw new UnavailableError();
        },
      },
    },
  });
  return new GraphQLSchema({ query: Query, mutation: Mutation, subscription: Subscription });
}
