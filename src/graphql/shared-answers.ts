import { type ASTNode, type DocumentNode, type FieldNode, Kind, visit } from 'graphql';
import { LRUCache } from 'lru-cache';
import { weightOf } from './answer-weight.ts';
import type { ExecutePlanned, PlannedArgs } from './execute-planned.ts';

/** What many subscribers are answered to one event. */
export interface SharedAnswer {
  /** `{"data":…}}`: the message's payload, and its own end. */
  readonly payload: Buffer;
  /** As `weightOf` tells it. */
  readonly weight: number;
}

/** Gives the answer to an event that is shared; `null` where each viewer has to have their own. */
export type AnswerToAll = (event: unknown) => Promise<SharedAnswer | null>;

/** What is personal is so for all who ask the same of the event, and is not tried again for each. */
interface Tried {
  /** `null`: each viewer has to have their own. */
  readonly answer: SharedAnswer | null;
}

/** What a process keeps of the answers that it gave last, for subscribers who come to the same event a moment later. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

/**
 * Answers an event once for all subscribers who ask the same of it: who get the same event object, with one operation, and equal
 * variables. The root field's own arguments may differ: they say which events come, not what is selected of one.
 *
 * The rule for what may be shared: the selection was executed without a look at the context, which is all that says who asks, and
 * without an error. It is not declared but seen, each time: the context that it is executed with says when it is looked at.
 */
export class SharedAnswers {
  readonly #kept = new LRUCache<string, Tried>({
    maxSize: MAX_KEPT_BYTES,
    sizeCalculation: ({ answer }, key) => key.length + (answer?.payload.byteLength ?? 0),
  });
  readonly #making = new Map<string, Promise<SharedAnswer | null>>();
  readonly #numbers = new WeakMap<object, number>();
  #lastNumber = 0;

  constructor(private readonly execute: ExecutePlanned) {}

  /** @param args of one subscription, as it was begun */
  of(args: PlannedArgs): AnswerToAll {
    const asked = `${this.#numberOf(args.operation)} ${selectingVariables(args)}`;
    return async (event) => {
      if (typeof event !== 'object' || event === null) return null;
      const key = `${this.#numberOf(event)} ${asked}`;
      const tried = this.#kept.get(key);
      return tried ? tried.answer : await (this.#making.get(key) ?? this.#make(key, args, event));
    };
  }

  #make(key: string, args: PlannedArgs, event: object): Promise<SharedAnswer | null> {
    const making = this.#answerToAll(args, event)
      .then((answer) => {
        this.#kept.set(key, { answer });
        return answer;
      })
      .finally(() => this.#making.delete(key));
    this.#making.set(key, making);
    return making;
  }

  async #answerToAll(args: PlannedArgs, event: object): Promise<SharedAnswer | null> {
    let isPersonal = false;
    const refuse = (): never => {
      isPersonal = true;
      throw REFUSAL;
    };
    const contextValue = new Proxy(
      {},
      { get: refuse, has: refuse, ownKeys: refuse, getOwnPropertyDescriptor: refuse },
    );
    const result = await this.execute({ ...args, contextValue, rootValue: event });
    if (isPersonal || result.errors !== undefined) return null;
    return { payload: Buffer.from(`${JSON.stringify({ data: result.data })}}`), weight: weightOf(result) };
  }

  #numberOf(thing: object): number {
    const known = this.#numbers.get(thing);
    if (known !== undefined) return known;
    this.#lastNumber += 1;
    this.#numbers.set(thing, this.#lastNumber);
    return this.#lastNumber;
  }
}

/** Made once: its stack, which nobody sees, would take longer than all the rest. */
const REFUSAL = new Error('this answer is made for many viewers');

/** The values of the variables that the selection depends on, as a text. */
function selectingVariables({ document, operation, variableValues }: PlannedArgs): string {
  const names = new Set<string>();
  const collect = (node: ASTNode) =>
    visit(node, {
      enter: (part) => {
        if (part.kind === Kind.VARIABLE) names.add(part.name.value);
      },
    });
  for (const selection of operation.selectionSet.selections) {
    collect(selection.kind === Kind.FIELD ? withoutArguments(selection) : selection);
  }
  for (const fragment of fragmentsOf(document)) collect(fragment);
  return JSON.stringify(Object.fromEntries([...names].sort().map((name) => [name, variableValues?.[name]])));
}

const withoutArguments = (field: FieldNode): FieldNode => ({ ...field, arguments: [] });

const fragmentsOf = ({ definitions }: DocumentNode) =>
  definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
