import {
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type ParseOptions,
  type SelectionSetNode,
  type ValidationContext,
  type ValidationRule,
} from 'graphql';

// What a document may be, on HTTP and on the WebSocket alike. The largest one of GraphiQL, its introspection query, has about
// 300 tokens; a page of images with everything nested has a depth of 8.
const MAX_TOKENS = 10_000;
const MAX_DEPTH = 15;
// The deepest input there is, a filter in filters, takes a dozen levels; the stack is used up after some thousand.
const MAX_VARIABLES_DEPTH = 50;

/** For `parse`: a document over the limit is refused while it is read, before anything is made of it. */
export const parseOptions: ParseOptions = { maxTokens: MAX_TOKENS };

/** What is wrong with an operation's variables before anything reads them: values nest too deep; `null`: nothing. */
export function checkVariables(variables: unknown): GraphQLError | null {
  let level = [variables];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_VARIABLES_DEPTH) {
      return new GraphQLError(`Variables may nest at most ${MAX_VARIABLES_DEPTH} levels of values.`, {
        extensions: { code: 'BAD_USER_INPUT', details: { limit: MAX_VARIABLES_DEPTH } },
      });
    }
    level = level
      .filter((value) => typeof value === 'object' && value !== null)
      .flatMap((value) => Object.values(value as object) as unknown[]);
  }
  return null;
}

/** To be validated besides GraphQL's own rules. */
export const validationRules: readonly ValidationRule[] = [MaxDepthRule];

/**
 * Refuses operations whose fields nest deeper than {@link MAX_DEPTH}. Introspection is left out: GraphQL's own rules bound its
 * cycles, and the standard introspection query needs 15 levels.
 */
function MaxDepthRule(context: ValidationContext) {
  const depthOfFragment = new Map<string, number>();

  function depthOf(selectionSet: SelectionSetNode): number {
    let deepest = 0;
    for (const selection of selectionSet.selections) {
      if (selection.kind === Kind.FIELD) {
        if (selection.name.value.startsWith('__')) continue;
        deepest = Math.max(deepest, 1 + (selection.selectionSet ? depthOf(selection.selectionSet) : 0));
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        deepest = Math.max(deepest, depthOf(selection.selectionSet));
      } else {
        deepest = Math.max(deepest, depthOfSpread(context.getFragment(selection.name.value)));
      }
    }
    return deepest;
  }

  // Each fragment is measured once, or a chain of fragments that spread each other twice would take exponential time.
  function depthOfSpread(fragment: FragmentDefinitionNode | null | undefined): number {
    if (!fragment) return 0;
    const name = fragment.name.value;
    const known = depthOfFragment.get(name);
    if (known !== undefined) return known;
    depthOfFragment.set(name, 0); // a cycle ends here; another rule refuses it
    const depth = depthOf(fragment.selectionSet);
    depthOfFragment.set(name, depth);
    return depth;
  }

  return {
    OperationDefinition(operation: OperationDefinitionNode): void {
      const depth = depthOf(operation.selectionSet);
      if (depth <= MAX_DEPTH) return;
      context.reportError(
        new GraphQLError(`The operation nests ${depth} levels of fields; at most ${MAX_DEPTH} are allowed.`, {
          nodes: operation,
          extensions: { details: { limit: MAX_DEPTH, current: depth } },
        }),
      );
    },
  };
}
