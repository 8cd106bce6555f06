import {
  defaultFieldResolver,
  type GraphQLField,
  GraphQLID,
  type GraphQLInputType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type { Audited, Outcome } from '../audit/audit.service.ts';
import type { GrantFacts } from '../audit/audit-event.entity.ts';
import { excerpt } from '../shared/excerpt.ts';
import { NODE_TYPES, toGlobalId, tryReadGlobalId } from '../shared/global-id.ts';
import type { Problem } from '../shared/problems.ts';
import { classify } from './classify-error.ts';
import type { Context } from './context.ts';
import { renewRights } from './mutation-rights.ts';

/** Of each kind; more than these are counted. */
const MAX_IDS = 100;

type Arguments = Readonly<Record<string, unknown>>;

/**
 * Lets every mutation of the schema run with the viewer's rights of by now, and be written down: before it runs, and what came of
 * it before its answer goes out.
 */
export function auditMutations(schema: GraphQLSchema): void {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) auditMutation(field);
}

function auditMutation(field: GraphQLField<unknown, Context>): void {
  const resolve = field.resolve ?? defaultFieldResolver;
  field.resolve = async (source, args: Arguments, context, info) => {
    await renewRights(context);
    const { audit, session, request } = context;
    const named = distinct(field.args.flatMap(({ type, name }) => [...idsIn(type, args[name])]));
    const { ids: inputIds, facts: grants } = capped(named, grantsIn(args));
    const event = await audit.begin({ session, request, action: field.name, inputIds, grants });
    let payload: unknown;
    try {
      // The trail may have had a queue; mostly this asks nobody.
      await renewRights(context);
      payload = await resolve(source, args, context, info);
    } catch (error) {
      await audit.finish(event, failure(error));
      throw error;
    }
    await audit.finish(event, outcomeOf(field.type, args, payload));
    return payload;
  };
}

function failure(error: unknown): Outcome {
  const { code } = classify(error);
  return { result: code === 'FORBIDDEN' ? 'FORBIDDEN' : 'FAILED', codes: [code], ...NOTHING };
}

function outcomeOf(type: GraphQLOutputType, args: Arguments, payload: unknown): Outcome {
  const problems = problemsOf(payload ?? {});
  if (problems.length > 0) {
    return { result: 'REFUSED', codes: distinct(problems.map(({ code }) => code)), ...NOTHING };
  }
  // What is to be made has an id already, under which nothing will be.
  if (isOnlyChecked(args)) return { result: 'CHECKED', codes: [], ...NOTHING };
  return { result: 'DONE', codes: [], ...changesOf(type, payload) };
}

type Changes = Pick<Outcome, 'objectIds' | 'facts'>;

const NOTHING: Changes = { objectIds: [], facts: null };

/** What was changed, as the mutation's service tells it, or else as the payload shows it. */
function changesOf(type: GraphQLOutputType, payload: unknown): Changes {
  const audited = (payload as { readonly audited?: Audited | null } | null)?.audited ?? null;
  const all = audited?.objectIds ?? distinct([...objectsIn(type, payload)]);
  const { ids: objectIds, facts } = capped(all, audited?.facts ?? null);
  return { objectIds, facts };
}

/** The first ids, and the facts with how many are left out. */
function capped(ids: readonly string[], facts: Readonly<Record<string, unknown>> | null) {
  const omittedIds = ids.length - MAX_IDS;
  return omittedIds > 0 ? { ids: ids.slice(0, MAX_IDS), facts: { ...facts, omittedIds } } : { ids, facts };
}

interface Answered {
  readonly userErrors?: readonly Pick<Problem, 'code'>[];
  /** Of an import, like the counts. */
  readonly rowErrors?: readonly Pick<Problem, 'code'>[];
  readonly created?: number;
  readonly updated?: number;
  readonly unchanged?: number;
}

/** Those for which nothing was done. Those of an import's rows are told by row, and are not where other rows were imported. */
function problemsOf({ userErrors = [], rowErrors = [], created, updated, unchanged }: Answered) {
  if (userErrors.length > 0) return userErrors;
  return [created, updated, unchanged].every((count) => count === 0) ? rowErrors : [];
}

const isOnlyChecked = ({ input }: Arguments) =>
  (input as { validateOnly?: boolean | null } | undefined)?.validateOnly === true;

/** The fields of an input that give rights or take them. None of them is ever a secret. */
const GRANTS = [
  'userName',
  'role',
  'isAdmin',
  'isActive',
  'subject',
  'scopes',
  'expiresAt',
  'visibility',
] as const;

/** Whatever somebody has sent: short, and without what a jsonb cannot hold. */
const storable = (text: string) => excerpt(text).toWellFormed().replaceAll('\0', '\uFFFD');

function grantsIn({ input }: Arguments): GrantFacts | null {
  const given = GRANTS.flatMap((name) => {
    const value = (input as Arguments | undefined)?.[name];
    return value === undefined ? [] : [[name, typeof value === 'string' ? storable(value) : value] as const];
  });
  return given.length === 0 ? null : Object.fromEntries(given);
}

const distinct = (texts: readonly string[]) => [...new Set(texts)];

/** The global ids in a value of an argument, in the form that we print: others can be read, too, and may be of any length. */
function* idsIn(type: GraphQLInputType, value: unknown): Generator<string> {
  if (value === null || value === undefined) return;
  if (isNonNullType(type)) yield* idsIn(type.ofType, value);
  else if (isListType(type)) for (const item of value as unknown[]) yield* idsIn(type.ofType, item);
  else if (isInputObjectType(type)) {
    for (const field of Object.values(type.getFields())) {
      yield* idsIn(field.type, (value as Arguments)[field.name]);
    }
  } else if (type === GraphQLID) {
    const read = tryReadGlobalId(value as string);
    if (read !== null) yield toGlobalId(read.type, read.uid);
  }
}

/** The global ids of the rows that a payload holds; with an access token its owner's. */
function* objectsIn(type: GraphQLOutputType, value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  if (isNonNullType(type)) yield* objectsIn(type.ofType, value);
  else if (isListType(type) && Array.isArray(value)) {
    for (const item of value) yield* objectsIn(type.ofType, item);
  } else if (isObjectType(type)) {
    const nodeType = NODE_TYPES.find((name) => name === type.name);
    if (nodeType !== undefined && 'id' in value) yield toGlobalId(nodeType, value.id as string);
    if (nodeType === 'AccessToken' && 'userId' in value) yield toGlobalId('User', value.userId as string);
    for (const field of nodeType === undefined ? Object.values(type.getFields()) : []) {
      yield* objectsIn(field.type, (value as Arguments)[field.name]);
    }
  }
}
