import { GraphQLScalarType } from 'graphql';

/** What the three operations touch of Slipway's schema, for the peers that are given a schema. */
export const typeDefs = `
  scalar DateTime
  scalar SafeInt

  enum ImageStatus { INIT CREATING ACTIVE CREATE_FAILED ERROR DELETED }
  enum ImageBuildStatus { QUEUED RUNNING CANCELING SUCCEEDED FAILED CANCELED TIMED_OUT EXPIRED }
  enum Visibility { PUBLIC PRIVATE }

  type Namespace {
    id: ID!
    name: String!
    displayName: String
  }

  type ImageBuild {
    id: ID!
    status: ImageBuildStatus!
    createdAt: DateTime!
    finishedAt: DateTime
  }

  type ImageBuildConnection {
    nodes: [ImageBuild!]!
  }

  type Image {
    id: ID!
    name: String!
    tag: String!
    displayName: String
    description: String
    reference: String!
    status: ImageStatus!
    visibility: Visibility!
    sizeBytes: SafeInt
    version: Int!
    createdAt: DateTime!
    updatedAt: DateTime!
    namespace: Namespace!
    builds(first: Int): ImageBuildConnection!
  }

  type PageInfo {
    hasNextPage: Boolean!
    hasPreviousPage: Boolean!
    startCursor: String
    endCursor: String
  }

  type ImageConnection {
    nodes: [Image!]!
    pageInfo: PageInfo!
    totalCount: SafeInt
  }

  input ImageFilter {
    search: String!
    status: [ImageStatus!]!
  }

  type Query {
    image(id: ID!): Image
    images(first: Int!, after: String, filter: ImageFilter): ImageConnection!
  }
`;

export const scalars = {
  DateTime: new GraphQLScalarType<unknown, string>({
    name: 'DateTime',
    serialize: (value) => (value as Date).toISOString(),
  }),
  SafeInt: new GraphQLScalarType<unknown, number>({ name: 'SafeInt', serialize: (value) => value as number }),
};
