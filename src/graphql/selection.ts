import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLResolveInfo,
  Kind,
  type SelectionSetNode,
  valueFromASTUntyped,
} from 'graphql';
import type { Selection } from '../shared/selection.ts';

/** What the operation asks for of the value that a resolver returns. */
export function selectionOf(info: GraphQLResolveInfo): Selection {
  return new SelectedFields(info.fieldNodes, info);
}

type Operation = Pick<GraphQLResolveInfo, 'fragments' | 'variableValues'>;

class SelectedFields implements Selection {
  readonly #nodes = new Map<string, FieldNode[]>();
  readonly #operation: Operation;

  /** @param parents the fields whose selections are taken together */
  constructor(parents: readonly FieldNode[], operation: Operation) {
    this.#operation = operation;
    const seen = new Set<FragmentDefinitionNode>();
    for (const { selectionSet } of parents) this.#take(selectionSet, seen);
  }

  get fields(): Iterable<string> {
    return this.#nodes.keys();
  }

  has(field: string): boolean {
    return this.#nodes.has(field);
  }

  of(...paths: readonly string[]): Selection {
    return new SelectedFields(
      paths.flatMap((path) => this.#at(path.split('.'))),
      this.#operation,
    );
  }

  argumentsOf(field: string): readonly Readonly<Record<string, unknown>>[] {
    const { variableValues } = this.#operation;
    return (this.#nodes.get(field) ?? []).map(({ arguments: given = [] }) =>
      Object.fromEntries(
        given.map(({ name, value }) => [name.value, valueFromASTUntyped(value, variableValues)]),
      ),
    );
  }

  #at([field = '', ...rest]: readonly string[]): readonly FieldNode[] {
    const nodes = this.#nodes.get(field) ?? [];
    return rest.length === 0 ? nodes : new SelectedFields(nodes, this.#operation).#at(rest);
  }

  #take(set: SelectionSetNode | undefined, seen: Set<FragmentDefinitionNode>): void {
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FIELD) {
        const { value: name } = selection.name;
        // GraphQL itself answers it.
        if (name === '__typename') continue;
        const nodes = this.#nodes.get(name);
        if (nodes === undefined) this.#nodes.set(name, [selection]);
        else nodes.push(selection);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        this.#take(selection.selectionSet, seen);
      } else {
        const fragment = this.#operation.fragments[selection.name.value];
        if (fragment === undefined || seen.has(fragment)) continue;
        seen.add(fragment);
        this.#take(fragment.selectionSet, seen);
      }
    }
  }
}
