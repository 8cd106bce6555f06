import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isLeafType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { anyValue, type FuzzMaterial, valueFor } from './fuzz-values.ts';

export interface FuzzOperation {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

export type OperationKind = 'query' | 'mutation' | 'subscription';

/** A random operation on one field of the root: it mostly fits the schema, and mostly has values of the right types. */
export function randomOperation(
  schema: GraphQLSchema,
  kind: OperationKind,
  material: FuzzMaterial,
): FuzzOperation {
  return new OperationWriter(schema, material).write(kind);
}

const MAX_DEPTH = 5;

class OperationWriter {
  readonly #definitions: string[] = [];
  readonly #variables: Record<string, unknown> = {};

  constructor(
    readonly schema: GraphQLSchema,
    readonly material: FuzzMaterial,
  ) {}

  write(kind: OperationKind): FuzzOperation {
    const { random } = this.material;
    const root = rootOf(this.schema, kind);
    const fields = Object.values(root.getFields());
    // Operations of several fields share their objects; a subscription has one field by GraphQL's own rules.
    const count = kind === 'subscription' || random.chance(0.7) ? 1 : 2;
    const selected = random
      .times(count, () => random.of(fields))
      .map((field, index) => `f${index}: ${this.#field(field, 0)}`);
    const definitions = this.#definitions.length === 0 ? '' : `(${this.#definitions.join(', ')})`;
    return { query: `${kind} ${definitions} { ${selected.join(' ')} }`, variables: this.#variables };
  }

  #field(field: GraphQLField<unknown, unknown>, depth: number): string {
    const { random } = this.material;
    const given = field.args.filter(
      (arg) => isNonNullType(arg.type) || random.chance(depth === 0 ? 0.6 : 0.2),
    );
    const written = given.map((arg) => `${arg.name}: ${this.#argument(arg)}`);
    const args = written.length === 0 ? '' : `(${written.join(', ')})`;
    return `${field.name}${args}${this.#selection(field.type, depth + 1)}`;
  }

  #argument(arg: GraphQLArgument): string {
    const { random } = this.material;
    const value = random.chance(0.02) ? anyValue(this.material) : valueFor(this.material, arg.type);
    if (random.chance(0.15)) return literal(value, getNamedType(arg.type));
    const name = `v${this.#definitions.length}`;
    this.#definitions.push(`$${name}: ${arg.type.toString()}`);
    this.#variables[name] = value;
    return `$${name}`;
  }

  #selection(output: GraphQLOutputType, depth: number): string {
    const type: GraphQLNamedType = getNamedType(output);
    const { random } = this.material;
    if (isLeafType(type)) return '';
    if (isAbstractType(type)) {
      const parts = this.schema
        .getPossibleTypes(type)
        .filter(() => random.chance(0.5))
        // Aliased, for fields of one name and several types would not merge.
        .map((each, index) => `... on ${each.name} { ${this.#fields(each, depth, `a${index}_`)} }`);
      return ` { __typename ${parts.join(' ')} }`;
    }
    return isObjectType(type) ? ` { ${this.#fields(type, depth)} }` : '';
  }

  #fields(type: GraphQLObjectType, depth: number, prefix = ''): string {
    const { random } = this.material;
    const fields = Object.values(type.getFields());
    const leaves = fields.filter((field) => isLeafType(getNamedType(field.type)));
    const choices = depth >= MAX_DEPTH ? leaves : fields;
    if (choices.length === 0) return '__typename';
    const chosen = random.times(1 + random.below(4), () => random.of(choices));
    return chosen
      .map((field, index) => `${prefix}d${depth}_${index}: ${this.#field(field, depth)}`)
      .join(' ');
  }
}

function rootOf(schema: GraphQLSchema, kind: OperationKind): GraphQLObjectType {
  const roots = {
    query: schema.getQueryType(),
    mutation: schema.getMutationType(),
    subscription: schema.getSubscriptionType(),
  };
  const root = roots[kind];
  if (!root) throw new Error(`the schema has no ${kind}`);
  return root;
}

/** The value as GraphQL writes it in a document. */
function literal(value: unknown, type: GraphQLNamedType): string {
  if (typeof value === 'string') {
    const isName = /^[A-Z][A-Z0-9_]*$/.test(value) && 'getValues' in type;
    return isName ? value : JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => literal(item, type)).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([name, field]) => {
      const inner =
        'getFields' in type
          ? (type.getFields() as Record<string, { type: GraphQLOutputType }>)[name]
          : undefined;
      return `${/^[_A-Za-z]\w*$/.test(name) ? name : '_'}: ${literal(field, inner ? getNamedType(inner.type) : type)}`;
    });
    return `{${fields.join(', ')}}`;
  }
  return JSON.stringify(value);
}
