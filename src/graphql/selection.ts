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
  return new SelectedFields(fieldsBelow(info.fieldNodes, info.fragments), info.variableValues);
}

type Fragments = GraphQLResolveInfo['fragments'];
type Nodes = ReadonlyMap<string, readonly FieldNode[]>;

/** The fields below some fields, taken together: the same whenever a known document runs. */
interface FieldsBelow {
  readonly nodes: Nodes;
  readonly names: ReadonlySet<string>;
  /** @param paths see {@link Selection.of} */
  at(paths: readonly string[]): FieldsBelow;
}

/** By the fields, which a known document has the same ones of each time. */
const KNOWN = new WeakMap<readonly FieldNode[], FieldsBelow>();

function fieldsBelow(parents: readonly FieldNode[], fragments: Fragments): FieldsBelow {
  const known = KNOWN.get(parents);
  if (known !== undefined) return known;
  const found = findBelow(parents, fragments);
  KNOWN.set(parents, found);
  return found;
}

function findBelow(parents: readonly FieldNode[], fragments: Fragments): FieldsBelow {
  const nodes = nodesBelow(parents, fragments);
  const deeper = new Map<string, FieldsBelow>();
  return {
    nodes,
    names: new Set(nodes.keys()),
    at(paths) {
      const key = paths.join(' ');
      const known = deeper.get(key);
      if (known !== undefined) return known;
      const there = paths.flatMap((path) => nodesAt(path.split('.'), nodes, fragments));
      const below = findBelow(there, fragments);
      deeper.set(key, below);
      return below;
    },
  };
}

class SelectedFields implements Selection {
  constructor(
    private readonly below: FieldsBelow,
    private readonly variables: GraphQLResolveInfo['variableValues'],
  ) {}

  get fields(): ReadonlySet<string> {
    return this.below.names;
  }

  has(field: string): boolean {
    return this.below.names.has(field);
  }

  of(...paths: readonly string[]): Selection {
    return new SelectedFields(this.below.at(paths), this.variables);
  }

  argumentsOf(field: string): readonly Readonly<Record<string, unknown>>[] {
    return (this.below.nodes.get(field) ?? []).map(({ arguments: given = [] }) =>
      Object.fromEntries(
        given.map(({ name, value }) => [name.value, valueFromASTUntyped(value, this.variables)]),
      ),
    );
  }
}

function nodesAt(
  [field = '', ...rest]: readonly string[],
  from: Nodes,
  fragments: Fragments,
): readonly FieldNode[] {
  const nodes = from.get(field) ?? [];
  return rest.length === 0 ? nodes : nodesAt(rest, nodesBelow(nodes, fragments), fragments);
}

function nodesBelow(parents: readonly FieldNode[], fragments: Fragments): Nodes {
  const nodes = new Map<string, FieldNode[]>();
  const seen = new Set<FragmentDefinitionNode>();
  const take = (set: SelectionSetNode | undefined): void => {
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FIELD) {
        const { value: name } = selection.name;
        // GraphQL itself answers it.
        if (name === '__typename') continue;
        const same = nodes.get(name);
        if (same === undefined) nodes.set(name, [selection]);
        else same.push(selection);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        take(selection.selectionSet);
      } else {
        const fragment = fragments[selection.name.value];
        if (fragment === undefined || seen.has(fragment)) continue;
        seen.add(fragment);
        take(fragment.selectionSet);
      }
    }
  };
  for (const { selectionSet } of parents) take(selectionSet);
  return nodes;
}
