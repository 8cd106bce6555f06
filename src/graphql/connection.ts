import { ArgsType, type ClassType, Extensions, Field, Int, ObjectType } from 'type-graphql';
import type { Page, PageArgs } from '../shared/keyset.ts';
import { SafeInt } from './scalars.ts';

@ObjectType('PageInfo', { description: 'Where a page stands in its list.', simpleResolvers: true })
export class PageInfo {
  @Field(() => Boolean, { description: 'Is there more after this page? Known exactly when paging forwards.' })
  hasNextPage!: boolean;

  @Field(() => Boolean, {
    description: 'Is there more before this page? Known exactly when paging backwards.',
  })
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true, description: "The first row's cursor; null for an empty page." })
  startCursor!: string | null;

  @Field(() => String, { nullable: true, description: "The last row's cursor; null for an empty page." })
  endCursor!: string | null;
}

/** Forward paging alone. */
@ArgsType()
export class ForwardArgs implements PageArgs {
  @Field(() => Int, {
    nullable: true,
    description: 'How many, 0 to 100; 20 where neither first nor last is given.',
  })
  first?: number;

  @Field(() => String, { nullable: true, description: 'Only what comes after this cursor.' })
  after?: string;
}

/** Paging in both directions. */
@ArgsType()
export class ConnectionArgs extends ForwardArgs {
  @Field(() => Int, {
    nullable: true,
    description: 'How many from the end, 0 to 100; not together with first.',
  })
  last?: number;

  @Field(() => String, { nullable: true, description: 'Only what comes before this cursor.' })
  before?: string;
}

/** Declares `<name>Connection` and `<name>Edge` for an object type. */
export function connectionOf<T extends object>(name: string, node: ClassType<T>): ClassType<object> {
  @ObjectType(`${name}Edge`, { description: `A row of a ${name}Connection.`, simpleResolvers: true })
  class EdgeObject {
    @Field(() => String, {
      description: 'Opaque; for `after` and `before` of the same list in the same order.',
    })
    cursor!: string;

    @Field(() => node, { description: 'The row itself.' })
    node!: T;
  }

  @ObjectType(`${name}Connection`, {
    description: `A page of a list, as Relay has it.`,
    simpleResolvers: true,
  })
  class ConnectionObject {
    @Field(() => [EdgeObject], { description: 'The rows with their cursors.' })
    edges!: EdgeObject[];

    @Field(() => [node], { description: 'The rows alone.' })
    nodes!: T[];

    @Field(() => PageInfo, { description: 'Where this page stands in the list.' })
    pageInfo!: PageInfo;

    @Extensions({ cost: 50 })
    @Field(() => SafeInt, { description: 'How many rows the whole list has; counted only when asked for.' })
    totalCount!: number;
  }
  return ConnectionObject;
}

/** What a resolver returns for a connection: each field costs something only where it is selected. */
export interface Connection<T> {
  readonly edges: () => Promise<{ cursor: () => string; node: T }[]>;
  readonly nodes: () => Promise<readonly T[]>;
  readonly pageInfo: () => Promise<{
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: () => string | null;
    readonly endCursor: () => string | null;
  }>;
  readonly totalCount: () => Promise<number>;
}

export function toConnection<T>({ rows, count }: Page<T>): Connection<T> {
  return {
    async edges() {
      const { nodes, cursorOf } = await rows();
      return nodes.map((node) => ({ node, cursor: () => cursorOf(node) }));
    },
    nodes: async () => (await rows()).nodes,
    async pageInfo() {
      const { hasNextPage, hasPreviousPage, nodes, cursorOf } = await rows();
      const cursor = (node: T | undefined) => (node === undefined ? null : cursorOf(node));
      return {
        hasNextPage,
        hasPreviousPage,
        startCursor: () => cursor(nodes[0]),
        endCursor: () => cursor(nodes.at(-1)),
      };
    },
    totalCount: count,
  };
}
