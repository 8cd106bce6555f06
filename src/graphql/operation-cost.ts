import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isCompositeType,
  isIntrospectionType,
  isListType,
  isUnionType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionNode,
  type SelectionSetNode,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  typeFromAST,
  type ValueNode,
  valueFromASTUntyped,
} from 'graphql';
import { DEFAULT_PAGE, MAX_PAGE } from '../shared/keyset.ts';

declare module 'graphql' {
  interface GraphQLFieldExtensions<_TSource, _TContext, _TArgs> {
    /** What the field costs besides its objects: it asks an engine, a registry or a whole table, or gives long texts. */
    cost?: number;
    /** How many rows a page has where nothing is said, and at most; absent: 20 and 100. */
    page?: { readonly size: number; readonly limit: number };
  }
}

/** What an operation is asked with. */
type Variables = Readonly<Record<string, unknown>>;

/** What a part of an operation costs: a number, or, where variables decide it, what makes one of them. */
type Cost = number | ((variables: Variables) => number);

const OBJECT = 1;
const MUTATION = 10;
// What introspection tells lies in memory. GraphiQL's introspection query comes to 3,000 or so.
const INTROSPECTION_OBJECT = 0.03;
// Labels, ports, parameters: a handful, and so a page of 100 images with all that they have is let in.
const UNPAGED_ROWS = 5;

/**
 * What an operation costs: 1 for each object that it may answer with, nothing for scalars, 10 for a mutation, and what fields
 * say of themselves with `extensions.cost`. A page has as many objects as are asked for; a list without pages counts as 5. A
 * field that is selected twice counts twice, and so do the types of which an object has only one.
 *
 * The sum is worked out once for each operation and kept as long as its document; then a query without variables that matter
 * costs a look into a map, and one with a page size and an @include 0.3 µs.
 *
 * @param operation of a valid document
 */
export function createCostOf(
  schema: GraphQLSchema,
): (document: DocumentNode, operation: OperationDefinitionNode, variables: Variables) => number {
  const known = new WeakMap<OperationDefinitionNode, Cost>();
  return (document, operation, variables) => {
    const cost = known.get(operation) ?? compile(schema, document, operation);
    known.set(operation, cost);
    return Math.ceil(valueWith(cost, variables));
  };
}

function compile(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode): Cost {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const defaults = new Map(
    operation.variableDefinitions?.map(({ variable, defaultValue }) => [
      variable.name.value,
      defaultValue && valueFromASTUntyped(defaultValue),
    ]),
  );

  /** @param rows how many rows the lists of this selection have, where it is of a page */
  function ofSelections(selectionSet: SelectionSetNode, type: GraphQLCompositeType, rows?: Cost): Cost {
    return sum(
      selectionSet.selections.map((selection) => onlyIf(selection, ofSelection(selection, type, rows))),
    );
  }

  function ofSelection(selection: SelectionNode, type: GraphQLCompositeType, rows?: Cost): Cost {
    if (selection.kind === Kind.FIELD) return ofField(selection, type, rows);
    // A valid document walks in no circle and has at most a thousand fields, those of each spread counted.
    const inner = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
    if (!inner) return 0;
    const narrowed = inner.typeCondition && typeFromAST(schema, inner.typeCondition);
    return ofSelections(inner.selectionSet, isCompositeType(narrowed) ? narrowed : type, rows);
  }

  function ofField(node: FieldNode, parent: GraphQLCompositeType, rows?: Cost): Cost {
    const field = fieldOf(parent, node.name.value);
    const type = field && getNamedType(field.type);
    const own = field?.extensions.cost ?? (parent === schema.getMutationType() ? MUTATION : 0);
    if (!field || !node.selectionSet || !isCompositeType(type)) return own;
    const paged = pageOf(field, node);
    const isList = isListType(getNullableType(field.type));
    // An edge is no object of its own: what it has is its node.
    const object = rows !== undefined && field.name === 'edges' ? 0 : objectCost(type);
    const one = sum([object, ofSelections(node.selectionSet, type, isList ? undefined : paged)]);
    return sum([own, isList ? product(paged ?? rows ?? unpagedRows(field, parent), one) : one]);
  }

  /** How many rows the field's page may have; `undefined` where it has no pages. */
  function pageOf(field: GraphQLField<unknown, unknown>, node: FieldNode): Cost | undefined {
    const { size, limit } = field.extensions.page ?? { size: DEFAULT_PAGE, limit: MAX_PAGE };
    const has = (name: string) => field.args.some((arg) => arg.name === name);
    // What cannot be a page is refused where it is read, and no row with it.
    const checked = (rows: unknown) => (typeof rows === 'number' && rows >= 0 && rows <= limit ? rows : 0);
    if (has('ids')) {
      return from([argument(node, 'ids')], (ids) => checked(Array.isArray(ids) ? ids.length : 1));
    }
    if (!has('first')) return undefined;
    return from([argument(node, 'first'), argument(node, 'last')], (first, last) =>
      checked(first ?? last ?? size),
    );
  }

  function argument(node: FieldNode, name: string): Given {
    const found = node.arguments?.find((other) => other.name.value === name);
    return found ? given(found.value) : { constant: undefined };
  }

  function given(value: ValueNode): Given {
    if (value.kind !== Kind.VARIABLE) return { constant: valueFromASTUntyped(value) };
    const name = value.name.value;
    const fallback = defaults.get(name);
    return {
      // Only its own: a variable may be called like something that every object has, such as toString.
      of: (variables) =>
        Object.hasOwn(variables, name) && variables[name] !== undefined ? variables[name] : fallback,
    };
  }

  /** Costs nothing where @skip or @include leaves it out. */
  function onlyIf(selection: SelectionNode, cost: Cost): Cost {
    return (selection.directives ?? []).reduce<Cost>((left, { name, arguments: args }) => {
      const condition = args?.find((other) => other.name.value === 'if');
      const leavesOut = LEAVES_OUT.get(name.value);
      if (!condition || leavesOut === undefined) return left;
      const times = from([given(condition.value)], (value) => (value === leavesOut ? 0 : 1));
      return product(left, times);
    }, cost);
  }

  function unpagedRows({ name }: GraphQLField<unknown, unknown>, parent: GraphQLCompositeType): number {
    return parent.name === '__Schema' && name === 'types'
      ? Object.keys(schema.getTypeMap()).length
      : UNPAGED_ROWS;
  }

  const root = schema.getRootType(operation.operation);
  return root ? ofSelections(operation.selectionSet, root) : 0;
}

const objectCost = (type: GraphQLCompositeType) =>
  isIntrospectionType(type) ? INTROSPECTION_OBJECT : OBJECT;

const META_FIELDS: ReadonlyMap<string, GraphQLField<unknown, unknown>> = new Map(
  [SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef].map((field) => [field.name, field]),
);

function fieldOf(parent: GraphQLCompositeType, name: string): GraphQLField<unknown, unknown> | undefined {
  return META_FIELDS.get(name) ?? (isUnionType(parent) ? undefined : parent.getFields()[name]);
}

/** With which value of its condition a directive leaves out what it stands at. */
const LEAVES_OUT = new Map([
  ['skip', true],
  ['include', false],
]);

/** What a document gives somewhere: a constant, or what the variables make of it. */
type Given = { readonly constant: unknown } | { readonly of: (variables: Variables) => unknown };

function from(given: readonly Given[], work: (...values: unknown[]) => number): Cost {
  const fixed = given.filter((one) => 'constant' in one);
  if (fixed.length === given.length) return work(...fixed.map(({ constant }) => constant));
  return (variables) => work(...given.map((one) => ('of' in one ? one.of(variables) : one.constant)));
}

function valueWith(cost: Cost, variables: Variables): number {
  return typeof cost === 'number' ? cost : cost(variables);
}

function sum(costs: readonly Cost[]): Cost {
  const varying = costs.filter((cost) => typeof cost === 'function');
  const fixed = costs.filter((cost) => typeof cost === 'number').reduce((total, cost) => total + cost, 0);
  if (varying.length === 0) return fixed;
  return (variables) => varying.reduce((total, cost) => total + cost(variables), fixed);
}

function product(a: Cost, b: Cost): Cost {
  if (a === 0 || b === 0) return 0;
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  return (variables) => valueWith(a, variables) * valueWith(b, variables);
}
