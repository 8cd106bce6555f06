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
  isObjectType,
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
import { type IntrospectionLengths, introspectionLengths } from './introspection-lengths.ts';

declare module 'graphql' {
  interface GraphQLFieldExtensions<_TSource, _TContext, _TArgs> {
    /** What the field costs besides its objects: it asks an engine, a registry or a whole table, or gives long texts. */
    cost?: number;
    /** How many rows a page has where nothing is said, and at most; absent: 20 and 100. */
    page?: { readonly size: number; readonly limit: number };
  }
  interface GraphQLObjectTypeExtensions<_TSource, _TContext> {
    /** A subscription sends one of it at the most, which is paid for when it begins. */
    comesOnce?: boolean;
  }
}

/** What an operation is asked with. */
type Variables = Readonly<Record<string, unknown>>;

/** What a part of an operation costs: a number, or, where variables decide it, what makes one of them. */
type Cost = number | ((variables: Variables) => number);

const OBJECT = 1;
// A text or a number takes a microsecond to answer with, an object 50 with its rows from the database.
const LEAF = 0.02;
const MUTATION = 10;
// What introspection tells lies in memory, objects as well as texts, and takes graphql-js 2 µs each. The standard query comes
// to 4,000 or so.
const INTROSPECTION = 0.1;
// Labels, ports, parameters: a handful, and so a page of 100 images with all that they have is let in.
const UNPAGED_ROWS = 5;

/** What is known of the place where something is selected. */
interface Place {
  /** How many rows the lists of this selection have, where it is of a page. */
  readonly rows?: Cost | undefined;
  /** It has come with the event of a subscription, and nothing is looked up for it. */
  readonly isGiven?: boolean;
  /** Introspection that walks over all types or directives: its lists are as long as they are on the average. */
  readonly isOfAll?: boolean;
}

type CostOf = (document: DocumentNode, operation: OperationDefinitionNode, variables: Variables) => number;

/**
 * What an operation costs: 1 for each object that it may answer with, a fiftieth for each text or number, 10 for a mutation, and what
 * fields say of themselves with `extensions.cost`. A page has as many objects as are asked for; a list without pages counts as 5. A
 * field that is selected twice counts twice, and so do the types of which an object has only one.
 *
 * The sum is worked out once for each operation and kept as long as its document; then a query without variables that matter
 * costs a look into a map, and one with a page size and an @include 0.3 µs.
 *
 * The function that it gives takes operations of valid documents alone.
 */
export function createCostOf(schema: GraphQLSchema): CostOf {
  const costOf = createKept(schema, {});
  return (...asked) => Math.round(costOf(...asked));
}

/** The same for each event of a subscription, not rounded: what has come with the event costs nothing, so a line of a log neither. */
export function createEventCostOf(schema: GraphQLSchema): CostOf {
  return createKept(schema, { isGiven: true });
}

function createKept(schema: GraphQLSchema, root: Place): CostOf {
  const known = new WeakMap<OperationDefinitionNode, Cost>();
  const lengths = introspectionLengths(schema);
  return (document, operation, variables) => {
    const cost = known.get(operation) ?? compile({ schema, lengths, root }, document, operation);
    known.set(operation, cost);
    return valueWith(cost, variables);
  };
}

interface Costing {
  readonly schema: GraphQLSchema;
  readonly lengths: IntrospectionLengths;
  readonly root: Place;
}

function compile(costing: Costing, document: DocumentNode, operation: OperationDefinitionNode): Cost {
  const { schema, lengths } = costing;
  const root = schema.getRootType(operation.operation);
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

  function ofSelections(selectionSet: SelectionSetNode, type: GraphQLCompositeType, place: Place): Cost {
    return sum(
      selectionSet.selections.map((selection) => onlyIf(selection, ofSelection(selection, type, place))),
    );
  }

  function ofSelection(selection: SelectionNode, type: GraphQLCompositeType, place: Place): Cost {
    if (selection.kind === Kind.FIELD) return ofField(selection, type, place);
    // A valid document walks in no circle and has at most a thousand fields, those of each spread counted.
    const inner = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
    if (!inner) return 0;
    const narrowed = inner.typeCondition && typeFromAST(schema, inner.typeCondition);
    if (place.isGiven && isObjectType(narrowed) && narrowed.extensions.comesOnce) return 0;
    return ofSelections(inner.selectionSet, isCompositeType(narrowed) ? narrowed : type, place);
  }

  function ofField(node: FieldNode, parent: GraphQLCompositeType, place: Place): Cost {
    const field = fieldOf(parent, node.name.value);
    const type = field && getNamedType(field.type);
    if (!field || !type) return 0;
    const isGiven = place.isGiven === true && (parent === root || !looksUp(field));
    const own = isGiven ? 0 : (field.extensions.cost ?? (parent === schema.getMutationType() ? MUTATION : 0));
    const isList = isListType(getNullableType(field.type));
    if (!node.selectionSet || !isCompositeType(type)) {
      const leaf = isGiven ? 0 : isIntrospectionType(parent) ? INTROSPECTION : LEAF;
      return own + (isList ? UNPAGED_ROWS : 1) * leaf;
    }
    const paged = pageOf(field, node);
    // An edge is no object of its own: what it has is its node.
    const isEdge = place.rows !== undefined && field.name === 'edges';
    const object = isGiven || isEdge ? 0 : isIntrospectionType(type) ? INTROSPECTION : OBJECT;
    const isOfAll =
      isList && parent.name === '__Schema' ? true : place.isOfAll === true && type.name !== '__Type';
    const below: Place = { isGiven, isOfAll, rows: isList ? undefined : paged };
    const one = sum([object, ofSelections(node.selectionSet, type, below)]);
    const rows = paged ?? place.rows ?? lengths.of(parent.name, field.name, place.isOfAll) ?? UNPAGED_ROWS;
    return sum([own, isList ? product(rows, one) : one]);
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

  return root ? ofSelections(operation.selectionSet, root, costing.root) : 0;
}

/** Does it ask for more than what its object has? What tells an object's type does not. */
const looksUp = ({ name, resolve }: GraphQLField<unknown, unknown>) =>
  resolve !== undefined && !name.startsWith('__');

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
