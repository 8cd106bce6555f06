import { GraphQLError, GraphQLScalarType, Kind } from 'graphql';
import { GraphQLDateTime, GraphQLJSONObject, GraphQLSafeInt, GraphQLUUID } from 'graphql-scalars';
import { DECIMAL } from '../shared/number.rules.ts';

/** RFC 3339, UTC. It gives texts where the library's gives dates, which take JSON.stringify twice as long. */
export const DateTime = new GraphQLScalarType<Date, string>({
  ...GraphQLDateTime.toConfig(),
  serialize: (value) => GraphQLDateTime.serialize(value).toISOString(),
});
/** An integer up to 2^53 - 1: byte sizes do not fit a GraphQL Int. */
export const SafeInt = GraphQLSafeInt;
export const UUID = GraphQLUUID;
export const JSONObject = GraphQLJSONObject;

function readDecimal(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text === 'string' && DECIMAL.test(text)) return text;
  throw new GraphQLError(
    'Not a decimal number: give digits, with a dot before the fraction, e.g. 12 or "12.50".',
    {
      extensions: { code: 'BAD_USER_INPUT' },
    },
  );
}

/** A decimal number of any precision that people use for money: a number or a text of digits goes in, a text comes out. */
export const Decimal = new GraphQLScalarType<string, string>({
  name: 'Decimal',
  description:
    'A decimal number, exact: a number or a string such as "12.50" goes in, at most 30 digits on each side of the dot; a string comes out.',
  serialize: readDecimal,
  parseValue: readDecimal,
  parseLiteral: (node) => {
    if (node.kind === Kind.INT || node.kind === Kind.FLOAT || node.kind === Kind.STRING)
      return readDecimal(node.value);
    return readDecimal(null);
  },
});
