import {
  type DefinitionNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type ParseOptions,
  type SelectionSetNode,
  type ValidationContext,
  type ValidationRule,
} from 'graphql';

/** How large a document is, with everything in a fragment counted each time that it is spread. */
interface Shape {
  /**
   * Levels of fields. Introspection is left out: GraphQL's own rules bound its cycles, and the standard introspection query
   * needs 15 levels.
   */
  readonly depth: number;
  readonly fields: number;
  readonly aliases: number;
}

// The largest document of GraphiQL, its introspection query, has about 300 tokens and 200 fields; a page of images with
// everything nested has a depth of 8 and 120 fields.
const MAX_TOKENS = 4000;
const MAX_SHAPE: Shape = { depth: 15, fields: 1000, aliases: 100 };

// GraphQL's own rules compare all that one place of the answer is made from with each other: 400 times `viewer { user { name } }`
// took 0.3 s. With this limit the worst document that we found, valid or not, takes 30 ms to read, and 70 when it is the first.
const MAX_REPEATS = 50;

/** In UTF-16 units: 4,000 tokens of 50 each. Long texts belong into variables. */
export const MAX_DOCUMENT_LENGTH = 200_000;

/** For `parse`: a document over the limit is refused while it is read, before anything is made of it. */
export const parseOptions: ParseOptions = { maxTokens: MAX_TOKENS };

/**
 * Refuses documents that are over the limits above, each limit with an error of its own. Such a document is not looked at any
 * further: for all other rules, an empty one takes its place.
 */
export function ShapeRule(context: ValidationContext): ReturnType<ValidationRule> {
  return {
    Document(document: DocumentNode): DocumentNode | undefined {
      const problems = shapeProblems(document);
      for (const problem of problems) context.reportError(problem);
      return problems.length > 0 ? { ...document, definitions: [] } : undefined;
    },
  };
}

function shapeProblems(document: DocumentNode): GraphQLError[] {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const measured = measure(document.definitions, fragments);
  if (measured instanceof GraphQLError) return [measured];
  const problems = [
    tooMuch('nests', measured.depth, MAX_SHAPE.depth, 'levels of fields'),
    tooMuch('selects', measured.fields, MAX_SHAPE.fields, 'fields, those of fragments counted each time'),
    tooMuch('has', measured.aliases, MAX_SHAPE.aliases, 'aliases, those of fragments counted each time'),
  ].filter((problem) => problem !== null);
  if (problems.length > 0) return problems;
  const repeats = tooMuch(
    'selects one field',
    mostRepeats(document.definitions, fragments),
    MAX_REPEATS,
    'times at one place',
  );
  return repeats === null ? [] : [repeats];
}

function tooMuch(verb: string, count: number, limit: number, unit: string): GraphQLError | null {
  if (count <= limit) return null;
  // Fragments that spread each other double their number with each: what comes of it need not fit into one.
  const current = Math.min(count, Number.MAX_SAFE_INTEGER);
  return new GraphQLError(`The document ${verb} ${current} ${unit}; at most ${limit} are allowed.`, {
    extensions: { details: { limit, current } },
  });
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** The shape of all operations together, and of fragments that none of them spreads, or an error where a fragment holds itself. */
function measure(definitions: readonly DefinitionNode[], fragments: Fragments): Shape | GraphQLError {
  // Each fragment is measured once, or a chain of fragments that spread each other twice would take exponential time.
  const known = new Map<string, Shape | 'measuring'>();
  let cyclic: string | null = null;

  function shapeOf(selectionSet: SelectionSetNode): Shape {
    let [depth, fields, aliases] = [0, 0, 0];
    for (const selection of selectionSet.selections) {
      const inner =
        selection.kind === Kind.FRAGMENT_SPREAD
          ? shapeOfFragment(selection.name.value)
          : selection.selectionSet
            ? shapeOf(selection.selectionSet)
            : NOTHING;
      const isField = selection.kind === Kind.FIELD;
      const isIntrospection = isField && selection.name.value.startsWith('__');
      depth = Math.max(depth, isIntrospection ? 0 : inner.depth + (isField ? 1 : 0));
      fields += inner.fields + (isField ? 1 : 0);
      aliases += inner.aliases + (isField && selection.alias ? 1 : 0);
    }
    return { depth, fields, aliases };
  }

  function shapeOfFragment(name: string): Shape {
    const before = known.get(name);
    if (before === 'measuring') cyclic = name;
    if (before !== undefined) return before === 'measuring' ? NOTHING : before;
    known.set(name, 'measuring');
    const fragment = fragments.get(name);
    const shape = fragment ? shapeOf(fragment.selectionSet) : NOTHING;
    known.set(name, shape);
    return shape;
  }

  const operations = definitions
    .filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
    .map(({ selectionSet }) => shapeOf(selectionSet));
  const unused = [...fragments.keys()].filter((name) => !known.has(name)).map(shapeOfFragment);
  if (cyclic !== null) return new GraphQLError(`The fragment "${String(cyclic)}" spreads itself.`);
  const all = [...operations, ...unused];
  return {
    depth: Math.max(0, ...all.map(({ depth }) => depth)),
    fields: all.reduce((sum, { fields }) => sum + fields, 0),
    aliases: all.reduce((sum, { aliases }) => sum + aliases, 0),
  };
}

const NOTHING: Shape = { depth: 0, fields: 0, aliases: 0 };

/** What stands at one place of an answer, by the names below it. */
interface Place {
  repeats: number;
  readonly below: Map<string, Place>;
}

/**
 * How often the field that is selected most often at one place is. It walks through fragments as often as they are spread, so it
 * takes a document with few fields and no cycle.
 */
function mostRepeats(definitions: readonly DefinitionNode[], fragments: Fragments): number {
  let most = 0;
  const reached = new Set<string>();

  function walk(selectionSet: SelectionSetNode, places: Map<string, Place>): void {
    for (const selection of selectionSet.selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) walkFragment(selection.name.value, places);
      else if (selection.kind === Kind.INLINE_FRAGMENT) walk(selection.selectionSet, places);
      else {
        const name = selection.alias?.value ?? selection.name.value;
        const place = places.get(name) ?? { repeats: 0, below: new Map() };
        places.set(name, place);
        place.repeats += 1;
        most = Math.max(most, place.repeats);
        if (selection.selectionSet) walk(selection.selectionSet, place.below);
      }
    }
  }

  function walkFragment(name: string, places: Map<string, Place>): void {
    reached.add(name);
    const fragment = fragments.get(name);
    if (fragment) walk(fragment.selectionSet, places);
  }

  for (const definition of definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) walk(definition.selectionSet, new Map());
  }
  for (const name of fragments.keys()) if (!reached.has(name)) walkFragment(name, new Map());
  return most;
}
