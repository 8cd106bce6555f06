import {
  type DocumentNode,
  defaultTypeResolver,
  type ExecutionResult,
  GraphQLError,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getArgumentValues,
  getVariableValues,
  isObjectType,
  locatedError,
  type OperationDefinitionNode,
  OperationTypeNode,
} from 'graphql';
import { type FieldPlan, OperationPlan, type SelectionPlan, type ValuePlan } from './operation-plan.ts';

/** What it takes to run a query of a valid document, or an event of a subscription; `operation` is one of the document's. */
export interface PlannedArgs {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variableValues?: Readonly<Record<string, unknown>> | null | undefined;
  readonly contextValue: unknown;
  /** A subscription's event. */
  readonly rootValue?: unknown;
}

/** Runs a query, or what is selected of an event; the answer is the one of graphql-js. */
export type ExecutePlanned = (args: PlannedArgs) => Promise<ExecutionResult> | ExecutionResult;

type Variables = GraphQLResolveInfo['variableValues'];
type Path = GraphQLResolveInfo['path'];
type Maybe<T> = Promise<T> | T;

/** As many of a document's variables are told to be wrong as graphql-js tells. */
const MAX_VARIABLE_ERRORS = 50;

/**
 * graphql-js finds out anew for each request, and much of it for each row, what is selected of which type and how its values are
 * written. Here that is found out once for each operation, and kept as long as its document: a page of 50 takes a third of the time.
 * Arguments are read once for all rows. Everything else follows graphql-js's `execute` function by function, and takes its errors.
 */
export function createExecutePlanned(schema: GraphQLSchema): ExecutePlanned {
  const plans = new WeakMap<OperationDefinitionNode, OperationPlan>();
  return ({ document, operation, variableValues: given, contextValue, rootValue }) => {
    let plan = plans.get(operation);
    if (plan === undefined) {
      const rootType = schema.getRootType(operation.operation);
      if (operation.operation === OperationTypeNode.MUTATION || !rootType)
        throw new Error('mutations are not planned: their fields run one after another');
      plan = new OperationPlan(schema, document, operation, rootType);
      plans.set(operation, plan);
    }
    const { coerced, errors } = getVariableValues(schema, operation.variableDefinitions ?? [], given ?? {}, {
      maxErrors: MAX_VARIABLE_ERRORS,
    });
    if (errors !== undefined) return { errors };
    return new Execution(schema, plan, coerced, contextValue, rootValue).run();
  };
}

/** One execution of a planned operation. */
class Execution {
  readonly #errors: GraphQLError[] = [];
  /** The places that are `null` because of an error; `undefined` is the whole answer. */
  readonly #nulled = new Set<Path | undefined>();
  readonly #args = new Map<FieldPlan, Record<string, unknown>>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly plan: OperationPlan,
    private readonly variables: Variables,
    private readonly context: unknown,
    private readonly rootValue: unknown,
  ) {}

  run(): Maybe<ExecutionResult> {
    const failed = (error: unknown) => {
      this.#addError(error as GraphQLError, undefined);
      return this.#answer(null);
    };
    try {
      const selection = this.plan.selectionWith(this.variables);
      const data = this.#fields(selection, this.rootValue, undefined);
      return isPromise(data) ? data.then((done) => this.#answer(done), failed) : this.#answer(data);
    } catch (error) {
      return failed(error);
    }
  }

  #answer(data: Record<string, unknown> | null): ExecutionResult {
    return this.#errors.length === 0 ? { data } : { errors: this.#errors, data };
  }

  #fields(
    { fields, hasProto }: SelectionPlan,
    source: unknown,
    path: Path | undefined,
  ): Maybe<Record<string, unknown>> {
    // graphql-js makes none with a prototype, which V8 takes nearly twice as long to fill and to write. An alias may be `__proto__`, though.
    const result: Record<string, unknown> = hasProto ? Object.create(null) : {};
    let waiting: string[] | undefined;
    try {
      for (const field of fields) {
        const value = this.#field(field, source, path);
        result[field.key] = value;
        if (value instanceof Promise) {
          waiting ??= [];
          waiting.push(field.key);
        }
      }
    } catch (error) {
      // The others may fail as well, and somebody has to hear of it.
      if (waiting === undefined) throw error;
      return settled(result, waiting).finally(() => {
        throw error;
      });
    }
    return waiting === undefined ? result : settled(result, waiting);
  }

  #field(field: FieldPlan, source: unknown, path: Path | undefined): unknown {
    if (field.isTypeName) return field.parentType.name;
    if (field.plainLeaf !== null) {
      const plain = plainValue(field, field.plainLeaf, source);
      if (plain !== undefined) return plain;
    }
    const { resolve } = field.definition;
    const at: Path = { prev: path, key: field.key, typename: field.parentType.name };
    try {
      const resolved = resolve
        ? resolve(source, this.#argsOf(field), this.context, this.#infoOf(field, at))
        : this.#property(field, source, at);
      return this.#completed(field, field.value, at, resolved);
    } catch (error) {
      return this.#failed(field, field.isNonNull, at, error);
    }
  }

  /** @param path where the field stands, or an item of its list */
  #infoOf(field: FieldPlan, path: Path): GraphQLResolveInfo {
    let at = path;
    while (at.typename === undefined && at.prev !== undefined) at = at.prev;
    const { definition, nodes, parentType } = field;
    // Spelled out: V8 takes five times as long for a spread one.
    return {
      fieldName: definition.name,
      fieldNodes: nodes,
      returnType: definition.type,
      parentType,
      path: at,
      schema: this.schema,
      fragments: this.plan.fragments,
      rootValue: this.rootValue,
      operation: this.plan.operation,
      variableValues: this.variables,
    };
  }

  /** A value, or one that is still to come, with `null` in its place where it fails and may be `null`. */
  #completed(field: FieldPlan, plan: ValuePlan, at: Path, value: unknown): unknown {
    if (isPromise(value)) return this.#awaited(field, plan, at, value);
    try {
      const completed = this.#value(field, plan, at, value);
      return completed instanceof Promise ? this.#mended(field, plan, at, completed) : completed;
    } catch (error) {
      return this.#failed(field, plan.kind === 'non-null', at, error);
    }
  }

  #awaited(field: FieldPlan, plan: ValuePlan, at: Path, value: PromiseLike<unknown>): Promise<unknown> {
    return Promise.resolve(value).then(
      (done) => this.#completed(field, plan, at, done),
      (error: unknown) => this.#failed(field, plan.kind === 'non-null', at, error),
    );
  }

  #mended(field: FieldPlan, plan: ValuePlan, at: Path, completed: Promise<unknown>): Promise<unknown> {
    return completed.catch((error: unknown) => this.#failed(field, plan.kind === 'non-null', at, error));
  }

  /** What a field without a resolver has: its object's property, or what its method gives. */
  #property(field: FieldPlan, source: unknown, at: Path): unknown {
    if (!isObjectLike(source) && typeof source !== 'function') return undefined;
    const object = source as Record<string, unknown>;
    const property = object[field.definition.name];
    if (typeof property !== 'function') return property;
    return property.call(object, this.#argsOf(field), this.context, this.#infoOf(field, at));
  }

  #argsOf(field: FieldPlan): Record<string, unknown> {
    const known = this.#args.get(field);
    if (known !== undefined) return known;
    const args = getArgumentValues(field.definition, field.nodes[0], this.variables);
    this.#args.set(field, args);
    return args;
  }

  #value(field: FieldPlan, plan: ValuePlan, path: Path, value: unknown): unknown {
    if (value instanceof Error) throw value;
    if (plan.kind !== 'non-null' && (value === null || value === undefined)) return null;
    switch (plan.kind) {
      case 'non-null': {
        const completed = this.#value(field, plan.inner, path, value);
        if (completed !== null) return completed;
        throw new Error(`Cannot return null for non-nullable field ${field.place}.`);
      }
      case 'leaf':
        return serialized(plan.type, value);
      case 'list':
        return this.#list(field, plan, path, value);
      case 'object':
        return this.#object(field, plan.type, path, value);
      case 'abstract':
        return this.#abstract(field, plan, path, value);
    }
  }

  #list(field: FieldPlan, { inner }: ValuePlan & { kind: 'list' }, path: Path, items: unknown): unknown {
    if (!isIterableObject(items))
      throw new GraphQLError(`Expected Iterable, but did not find one for field "${field.place}".`);
    const values: unknown[] = [];
    let isWaiting = false;
    try {
      for (const item of items) {
        const value = this.#completed(field, inner, itemOf(path, values.length), item);
        values.push(value);
        isWaiting ||= value instanceof Promise;
      }
    } catch (error) {
      // Those before it may fail as well, and somebody has to hear of it.
      void Promise.allSettled(values);
      throw error;
    }
    return isWaiting ? Promise.all(values) : values;
  }

  #object(field: FieldPlan, type: GraphQLObjectType, path: Path, value: unknown): unknown {
    if (type.isTypeOf) return this.#checkedObject(field, type, path, value);
    return this.#fields(field.below(type), value, path);
  }

  #checkedObject(field: FieldPlan, type: GraphQLObjectType, path: Path, value: unknown): unknown {
    const isOfType = type.isTypeOf?.(value, this.context, this.#infoOf(field, path));
    const completed = (isOf: boolean | undefined) => {
      if (isOf) return this.#fields(field.below(type), value, path);
      const message = `Expected value of type "${type.name}" but got: ${String(value)}.`;
      throw new GraphQLError(message, { nodes: field.nodes });
    };
    return isPromise(isOfType) ? Promise.resolve(isOfType).then(completed) : completed(isOfType);
  }

  #abstract(field: FieldPlan, plan: ValuePlan & { kind: 'abstract' }, path: Path, value: unknown): unknown {
    const resolveType = plan.type.resolveType ?? defaultTypeResolver;
    const name = resolveType(value, this.context, this.#infoOf(field, path), plan.type);
    const completed = (found: string | undefined) =>
      this.#object(field, this.#typeNamed(found, plan, field), path, value);
    return isPromise(name) ? Promise.resolve(name).then(completed) : completed(name);
  }

  #typeNamed(
    name: string | undefined,
    { type }: ValuePlan & { kind: 'abstract' },
    field: FieldPlan,
  ): GraphQLObjectType {
    const found = name === undefined ? undefined : this.schema.getType(name);
    if (isObjectType(found) && this.schema.isSubType(type, found)) return found;
    const message = `The value of "${field.place}" is of no type that "${type.name}" may be: ${name}.`;
    throw new GraphQLError(message, { nodes: field.nodes });
  }

  #failed(field: FieldPlan, isNonNull: boolean, path: Path, raw: unknown): null {
    const error = locatedError(raw, field.nodes, keysOf(path));
    // What encloses it becomes null, too.
    if (isNonNull) throw error;
    this.#addError(error, path);
    return null;
  }

  #addError(error: GraphQLError, path: Path | undefined): void {
    if (this.#isNulled(path)) return;
    this.#nulled.add(path);
    this.#errors.push(error);
  }

  #isNulled(path: Path | undefined): boolean {
    for (let at = path; at !== undefined; at = at.prev) if (this.#nulled.has(at)) return true;
    return this.#nulled.has(undefined);
  }
}

/** A property as it is written; `undefined` where it takes a closer look: it may be a method, a promise or an error. */
function plainValue(field: FieldPlan, type: GraphQLLeafType, source: unknown): unknown {
  if (!isObjectLike(source)) return undefined;
  const value = (source as Record<string, unknown>)[field.definition.name];
  if (typeof value === 'string' && field.isText) return value;
  if (value === null && !field.isNonNull) return null;
  const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  if (!isPlain && !(value instanceof Date)) return undefined;
  try {
    return type.serialize(value) ?? undefined;
  } catch {
    return undefined;
  }
}

function serialized(type: GraphQLLeafType, value: unknown): unknown {
  const written = type.serialize(value);
  if (written !== null && written !== undefined) return written;
  throw new Error(`Expected "${type.name}" to give a value for ${String(value)}, and it gave none.`);
}

/** `result` when the values of these keys have come; they stand where their promises stood. */
async function settled(
  result: Record<string, unknown>,
  keys: readonly string[],
): Promise<Record<string, unknown>> {
  const values = await Promise.all(keys.map((key) => result[key]));
  keys.forEach((key, index) => {
    result[key] = values[index];
  });
  return result;
}

const itemOf = (list: Path, index: number): Path => ({ prev: list, key: index, typename: undefined });

function keysOf(path: Path): (string | number)[] {
  const keys = [];
  for (let at: Path | undefined = path; at !== undefined; at = at.prev) keys.push(at.key);
  return keys.reverse();
}

const isObjectLike = (value: unknown): value is object => typeof value === 'object' && value !== null;

const isPromise = (value: unknown): value is Promise<unknown> =>
  isObjectLike(value) && typeof (value as { then?: unknown }).then === 'function';

const isIterableObject = (value: unknown): value is Iterable<unknown> =>
  isObjectLike(value) && typeof (value as { [Symbol.iterator]?: unknown })[Symbol.iterator] === 'function';
