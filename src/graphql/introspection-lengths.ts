import {
  type GraphQLSchema,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql';

/** How long the lists are that introspection answers with. */
export interface IntrospectionLengths {
  /**
   * @param isOfAll whether it is asked of all types or directives: then how long the list is on the average, else the longest
   * @returns `undefined` where the field is no such list
   */
  of(type: string, field: string, isOfAll: boolean | undefined): number | undefined;
}

/** Looks once over a schema. */
export function introspectionLengths(schema: GraphQLSchema): IntrospectionLengths {
  const types = Object.values(schema.getTypeMap());
  const composite = types.filter((type) => isObjectType(type) || isInterfaceType(type));
  const fields = composite.flatMap((type) => Object.values(type.getFields()));
  const directives = schema.getDirectives();
  const ofEach = (length: (type: (typeof types)[number]) => number) => types.map(length);
  const found: Record<string, readonly number[]> = {
    '__Schema.types': [types.length],
    '__Schema.directives': [directives.length],
    '__Type.fields': ofEach((type) =>
      isObjectType(type) || isInterfaceType(type) ? count(type.getFields()) : 0,
    ),
    '__Type.inputFields': ofEach((type) => (isInputObjectType(type) ? count(type.getFields()) : 0)),
    '__Type.enumValues': ofEach((type) => (isEnumType(type) ? type.getValues().length : 0)),
    '__Type.interfaces': ofEach((type) =>
      isObjectType(type) || isInterfaceType(type) ? type.getInterfaces().length : 0,
    ),
    '__Type.possibleTypes': ofEach((type) =>
      isAbstractType(type) ? schema.getPossibleTypes(type).length : 0,
    ),
    '__Field.args': fields.map(({ args }) => args.length),
    '__Directive.args': directives.map(({ args }) => args.length),
  };
  const lengths = new Map(
    Object.entries(found).map(([place, each]) => [
      place,
      {
        mean: each.reduce((sum, one) => sum + one, 0) / Math.max(1, each.length),
        most: Math.max(0, ...each),
      },
    ]),
  );
  return {
    of: (type, field, isOfAll) => {
      const length = lengths.get(`${type}.${field}`);
      return isOfAll ? length?.mean : length?.most;
    },
  };
}

const count = (fields: object): number => Object.keys(fields).length;
