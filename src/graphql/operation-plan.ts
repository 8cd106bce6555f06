import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLAbstractType,
  type GraphQLField,
  GraphQLID,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  GraphQLString,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  visit,
} from 'graphql';
import { collectFields, collectSubfields } from 'graphql/execution/collectFields.js';

/** What is to be made of a field's value. */
export type ValuePlan =
  | { readonly kind: 'leaf'; readonly type: GraphQLLeafType }
  | { readonly kind: 'non-null'; readonly inner: ValuePlan }
  | { readonly kind: 'list'; readonly inner: ValuePlan }
  | { readonly kind: 'object'; readonly type: GraphQLObjectType }
  | { readonly kind: 'abstract'; readonly type: GraphQLAbstractType };

type Variables = Readonly<Record<string, unknown>>;
type Fragments = Record<string, FragmentDefinitionNode>;

/** What decides which fields are selected. */
interface Deciding {
  readonly schema: GraphQLSchema;
  readonly fragments: Fragments;
  readonly variables: Record<string, unknown>;
}

/** What of an operation is the same each time that it is executed. */
export class OperationPlan {
  readonly fragments: Fragments = Object.create(null);
  readonly #conditions: ReadonlySet<string>;
  #latest: { readonly conditions: string; readonly selection: SelectionPlan } | null = null;

  constructor(
    private readonly schema: GraphQLSchema,
    document: DocumentNode,
    readonly operation: OperationDefinitionNode,
    private readonly rootType: GraphQLObjectType,
  ) {
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.fragments[definition.name.value] = definition;
    }
    this.#conditions = conditionsOf(document);
  }

  /** What is selected with these variables: they decide what `@skip` and `@include` leave out. The latest are kept. */
  selectionWith(given: Variables): SelectionPlan {
    // No others: they would be kept as long as the plan.
    const variables = Object.fromEntries(
      Object.entries(given).filter(([name]) => this.#conditions.has(name)),
    );
    const conditions = this.#conditions.size === 0 ? '' : JSON.stringify(variables);
    if (this.#latest?.conditions === conditions) return this.#latest.selection;
    const { schema, fragments, rootType, operation } = this;
    const nodes = collectFields(schema, fragments, variables, rootType, operation.selectionSet);
    const selection = planSelection({ schema, fragments, variables }, rootType, nodes);
    this.#latest = { conditions, selection };
    return selection;
  }
}

/** What is selected of an object. */
export interface SelectionPlan {
  readonly fields: readonly FieldPlan[];
  /** Is one of them called what no object can have as a property of its own by assigning it? */
  readonly hasProto: boolean;
}

/** One entry of an object of the answer. */
export class FieldPlan {
  readonly value: ValuePlan;
  /** Of what is a property of its object and a text, a number or a choice; `null` of anything else. */
  readonly plainLeaf: GraphQLLeafType | null;
  /** Is a text written as it is? */
  readonly isText: boolean;
  readonly isNonNull: boolean;
  readonly isTypeName: boolean;
  #below: readonly [GraphQLObjectType, SelectionPlan][] = [];

  /** @param key what it is called in the answer */
  constructor(
    private readonly deciding: Deciding,
    readonly parentType: GraphQLObjectType,
    readonly key: string,
    readonly definition: GraphQLField<unknown, unknown>,
    readonly nodes: readonly [FieldNode, ...FieldNode[]],
  ) {
    this.value = valuePlan(definition.type);
    this.isNonNull = this.value.kind === 'non-null';
    this.isTypeName = definition === TypeNameMetaFieldDef;
    const inner = this.value.kind === 'non-null' ? this.value.inner : this.value;
    this.plainLeaf = inner.kind === 'leaf' && !definition.resolve ? inner.type : null;
    this.isText = this.plainLeaf === GraphQLString || this.plainLeaf === GraphQLID;
  }

  /** For people. */
  get place(): string {
    return `${this.parentType.name}.${this.definition.name}`;
  }

  /** What is selected of an object of this type, as which its value has turned out. */
  below(type: GraphQLObjectType): SelectionPlan {
    for (const [known, selection] of this.#below) if (known === type) return selection;
    const { schema, fragments, variables } = this.deciding;
    const nodes = collectSubfields(schema, fragments, variables, type, this.nodes);
    const selection = planSelection(this.deciding, type, nodes);
    this.#below = [...this.#below, [type, selection]];
    return selection;
  }
}

/** The variables that decide what is selected. */
function conditionsOf(document: DocumentNode): ReadonlySet<string> {
  const names = new Set<string>();
  visit(document, {
    enter(node) {
      if (node.kind !== Kind.DIRECTIVE) return;
      for (const { value } of node.arguments ?? []) {
        if (value.kind === Kind.VARIABLE) names.add(value.name.value);
      }
    },
  });
  return names;
}

function planSelection(
  deciding: Deciding,
  parentType: GraphQLObjectType,
  nodesByKey: ReadonlyMap<string, readonly FieldNode[]>,
): SelectionPlan {
  const fields = [...nodesByKey].flatMap(([key, [first, ...others]]) => {
    const definition = first && fieldOf(deciding.schema, parentType, first.name.value);
    if (!definition) return [];
    return [new FieldPlan(deciding, parentType, key, definition, [first, ...others])];
  });
  return { fields, hasProto: nodesByKey.has('__proto__') };
}

const META_FIELDS = new Map([SchemaMetaFieldDef, TypeMetaFieldDef].map((field) => [field.name, field]));

function fieldOf(schema: GraphQLSchema, parentType: GraphQLObjectType, name: string) {
  if (name === TypeNameMetaFieldDef.name) return TypeNameMetaFieldDef;
  const meta = parentType === schema.getQueryType() ? META_FIELDS.get(name) : undefined;
  return meta ?? parentType.getFields()[name];
}

/** Kept by type: there are few of them, and many fields. */
const valuePlans = new WeakMap<GraphQLOutputType, ValuePlan>();

function valuePlan(type: GraphQLOutputType): ValuePlan {
  const known = valuePlans.get(type);
  if (known !== undefined) return known;
  const plan = makeValuePlan(type);
  valuePlans.set(type, plan);
  return plan;
}

function makeValuePlan(type: GraphQLOutputType): ValuePlan {
  if (isNonNullType(type)) return { kind: 'non-null', inner: valuePlan(type.ofType) };
  if (isListType(type)) return { kind: 'list', inner: valuePlan(type.ofType) };
  if (isLeafType(type)) return { kind: 'leaf', type };
  return isAbstractType(type) ? { kind: 'abstract', type } : { kind: 'object', type };
}
