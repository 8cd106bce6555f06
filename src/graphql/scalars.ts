import { GraphQLDateTime, GraphQLJSONObject, GraphQLSafeInt, GraphQLUUID } from 'graphql-scalars';

/** RFC 3339, UTC. */
export const DateTime = GraphQLDateTime;
/** An integer up to 2^53 - 1: byte sizes do not fit a GraphQL Int. */
export const SafeInt = GraphQLSafeInt;
export const UUID = GraphQLUUID;
export const JSONObject = GraphQLJSONObject;
