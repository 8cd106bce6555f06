import { Field, InputType, ObjectType, registerEnumType } from 'type-graphql';
import { MALFORMED_ID, type NodeType, tryReadGlobalId } from '../shared/global-id.ts';
import { InputRefused, type Problem, UserErrorCode } from '../shared/problems.ts';
import { JSONObject } from './scalars.ts';

registerEnumType(UserErrorCode, {
  name: 'UserErrorCode',
  description: "What is wrong with a mutation's input, for a program.",
  valuesConfig: {
    REQUIRED: { description: 'It has to be given.' },
    INVALID: { description: 'It cannot be used as it is; the message says why.' },
    TOO_LONG: { description: 'More characters, or bytes, than allowed; details: max, current.' },
    TOO_MANY: { description: 'More entries, layers or problems than allowed; details: max, current.' },
    PATTERN: { description: 'Not of the form that is asked for; details: pattern.' },
    OUT_OF_RANGE: {
      description: 'A number, or a size, outside its limits; details: min, max, or max, current.',
    },
    NOT_ALLOWED: { description: 'Refused by a rule of this server.' },
    DUPLICATE: { description: 'There twice where it may be once.' },
    NOT_FOUND: { description: 'There is no such object, or the viewer may not see it.' },
    NAME_TAKEN: { description: 'It is taken; details: imageId, of an image that the viewer may see.' },
    TAG_EXISTS: {
      description: 'The registry or the catalogue has this tag already; set overwriteTag to replace it.',
    },
    TAG_NOT_OCI: { description: 'Not a tag that an OCI registry takes.' },
    REFERENCE_INVALID: { description: 'Not an image reference: host[:port]/path[:tag][@digest].' },
    REFERENCE_NOT_FOUND: {
      description:
        'The registry does not know this reference; of a notebook: the engine has the image no more that it was started from; details then: image.',
    },
    NAMESPACE_MISMATCH: { description: "The reference's first path segment is not the namespace." },
    DEPENDENCY_UNRESOLVED: { description: 'A dependency names no live image that the viewer may see.' },
    DEPENDENCY_CYCLE: { description: 'The dependencies lead back to the image itself.' },
    IN_USE: { description: 'Something needs it, or is making it: live images, builds; details say which.' },
    STALE: {
      description: 'It was changed since it was read; details: version, updatedAt, changed (the fields).',
    },
    BUILT_IN: { description: 'Built-in images are read-only.' },
    DOCKERFILE_INVALID: { description: 'The Dockerfile has a problem; details: line, column.' },
    CONTEXT_MISSING: {
      description: 'The Dockerfile copies a file that is not among the files; details: line, column.',
    },
    REGISTRY_AUTH_INVALID: { description: 'Not base64 of user:password.' },
    REGISTRY_NOT_ALLOWED: {
      description:
        'This server does not push there, pull bases from there, remove there or ask there; details: allowed, or line and column.',
    },
    CIDR_INVALID: { description: 'Not a CIDR block such as 10.0.0.0/24.' },
    TEMPLATE_INVALID: { description: 'The command template cannot be read.' },
    VALUE_MISSING: { description: 'A variable has neither a value nor a default.' },
    IDEMPOTENCY_CONFLICT: { description: 'The client token was used with another input.' },
    BUILD_ALREADY_FINISHED: { description: 'The build has ended; details: status.' },
    BUILD_NOT_FINISHED: { description: 'The build has not ended yet; details: status.' },
    NOTEBOOK_NOT_RUNNING: { description: 'The notebook is not running; details: status.' },
    NOTEBOOK_BUSY: {
      description: 'The notebook is being saved; details: buildId, where the viewer may see that build.',
    },
    QUOTA_EXCEEDED: {
      description:
        'A quota does not allow it; details: quota (images, storageBytes or concurrentBuilds), scope (namespace or workspace), name, limit, current, requested.',
    },
  },
});

@ObjectType('UserError', {
  description:
    "Something wrong in a mutation's input that the caller can mend. Where there is one, nothing was changed.",
  simpleResolvers: true,
})
export class UserErrorObject implements Problem {
  @Field(() => UserErrorCode, { description: 'What is wrong, for a program.' })
  code!: UserErrorCode;

  @Field(() => String, { description: 'What is wrong and what to do, for a person.' })
  message!: string;

  @Field(() => [String], { description: 'Where in the input, e.g. ["image", "labels", "3", "key"].' })
  path!: string[];

  @Field(() => JSONObject, {
    nullable: true,
    description:
      'Facts for a program: limit, current, pattern, line, column, the conflicting id …; null: none.',
  })
  details!: Record<string, unknown> | null;
}

/** What every mutation's input has. */
@InputType()
export abstract class MutationInput {
  @Field(() => String, { nullable: true, description: 'Comes back unchanged in the payload.' })
  clientMutationId?: string | null;
}

/** More problems than this tell nobody more; what is left out is counted. */
const MAX_USER_ERRORS = 100;

function capped(problems: readonly Problem[], more: number): readonly Problem[] {
  const total = problems.length + more;
  if (total <= MAX_USER_ERRORS) return problems;
  const message = `there are ${total - MAX_USER_ERRORS} more problems; mend these first`;
  const details = { max: MAX_USER_ERRORS, current: total };
  return [...problems.slice(0, MAX_USER_ERRORS), { code: 'TOO_MANY', path: [], message, details }];
}

/** What every payload has. */
@ObjectType({ simpleResolvers: true })
export abstract class Payload {
  @Field(() => [UserErrorObject], {
    description:
      'Everything that is wrong with the input, empty when it was done. Of more than 100 the first 100, and a last one, TOO_MANY with an empty path, that counts them.',
  })
  userErrors!: readonly Problem[];

  @Field(() => String, { nullable: true, description: "The input's clientMutationId, unchanged." })
  clientMutationId!: string | null;
}

/**
 * The ids in a mutation's input. A malformed one is for the caller to mend like anything else in the input, so it is a
 * `userError` INVALID beside the others; only queries and subscriptions, which have no payload, answer BAD_USER_INPUT.
 */
export class InputIds {
  readonly #malformed: Problem[] = [];

  /** The UUID; `null` for what names nothing of this type, which services refuse with NOT_FOUND at the same path. */
  uid(type: NodeType, id: string, path: readonly string[]): string | null {
    const read = tryReadGlobalId(id);
    if (read === null) this.#malformed.push({ code: 'INVALID', path, message: MALFORMED_ID, details: null });
    return read?.type === type ? read.uid : null;
  }

  /** As {@link uid}; `undefined` where no id was given. */
  optionalUid(type: NodeType, id: string | null | undefined, path: readonly string[]) {
    return typeof id === 'string' ? this.uid(type, id, path) : undefined;
  }

  /** The workspace that is asked for; `undefined`, the default one, where none is, or the one that S2 and S4 call "0". */
  workspaceUid(id: string | null | undefined, path: readonly string[]) {
    return id === '0' ? undefined : this.optionalUid('Workspace', id, path);
  }

  /** A service's problems, with INVALID in the place of NOT_FOUND for what is no id at all. */
  explain(problems: readonly Problem[]): Problem[] {
    const isExplained = ({ code, path }: Problem) =>
      code === 'NOT_FOUND' && this.#malformed.some((one) => one.path.join('.') === path.join('.'));
    return [...this.#malformed, ...problems.filter((problem) => !isExplained(problem))];
  }
}

/**
 * Runs a mutation and makes its payload: what it answers, or the problems for which its input was refused.
 *
 * @param refused the payload's own fields for a refused input
 * @param ids those that `run` uses
 */
export async function answer<T extends object>(
  input: MutationInput,
  refused: T,
  run: () => Promise<T>,
  ids = new InputIds(),
): Promise<T & { userErrors: readonly Problem[]; clientMutationId: string | null }> {
  const clientMutationId = input.clientMutationId ?? null;
  try {
    return { ...(await run()), userErrors: [], clientMutationId };
  } catch (error) {
    if (!(error instanceof InputRefused)) throw error;
    return { ...refused, userErrors: capped(ids.explain(error.problems), error.more), clientMutationId };
  }
}
