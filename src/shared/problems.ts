/** What can be wrong with a mutation's input. The meaning of each code stands with the GraphQL enum of the same name. */
export const UserErrorCode = {
  REQUIRED: 'REQUIRED',
  INVALID: 'INVALID',
  TOO_LONG: 'TOO_LONG',
  TOO_MANY: 'TOO_MANY',
  PATTERN: 'PATTERN',
  OUT_OF_RANGE: 'OUT_OF_RANGE',
  NOT_ALLOWED: 'NOT_ALLOWED',
  DUPLICATE: 'DUPLICATE',
  NOT_FOUND: 'NOT_FOUND',
  NAME_TAKEN: 'NAME_TAKEN',
  TAG_EXISTS: 'TAG_EXISTS',
  TAG_NOT_OCI: 'TAG_NOT_OCI',
  REFERENCE_INVALID: 'REFERENCE_INVALID',
  REFERENCE_NOT_FOUND: 'REFERENCE_NOT_FOUND',
  NAMESPACE_MISMATCH: 'NAMESPACE_MISMATCH',
  DEPENDENCY_UNRESOLVED: 'DEPENDENCY_UNRESOLVED',
  DEPENDENCY_CYCLE: 'DEPENDENCY_CYCLE',
  IN_USE: 'IN_USE',
  STALE: 'STALE',
  BUILT_IN: 'BUILT_IN',
  DOCKERFILE_INVALID: 'DOCKERFILE_INVALID',
  CONTEXT_MISSING: 'CONTEXT_MISSING',
  REGISTRY_AUTH_INVALID: 'REGISTRY_AUTH_INVALID',
  REGISTRY_NOT_ALLOWED: 'REGISTRY_NOT_ALLOWED',
  CIDR_INVALID: 'CIDR_INVALID',
  TEMPLATE_INVALID: 'TEMPLATE_INVALID',
  VALUE_MISSING: 'VALUE_MISSING',
  IDEMPOTENCY_CONFLICT: 'IDEMPOTENCY_CONFLICT',
  BUILD_ALREADY_FINISHED: 'BUILD_ALREADY_FINISHED',
  BUILD_NOT_FINISHED: 'BUILD_NOT_FINISHED',
  NOTEBOOK_NOT_RUNNING: 'NOTEBOOK_NOT_RUNNING',
  NOTEBOOK_BUSY: 'NOTEBOOK_BUSY',
  QUOTA_EXCEEDED: 'QUOTA_EXCEEDED',
} as const;
export type UserErrorCode = keyof typeof UserErrorCode;

export interface Problem {
  readonly code: UserErrorCode;
  /** What is wrong and what to do. */
  readonly message: string;
  /** Where in the input, e.g. `['image', 'labels', '3', 'key']`. */
  readonly path: readonly string[];
  /** Facts for a program: limit, current, pattern, line, column, the conflicting id … */
  readonly details: Readonly<Record<string, unknown>> | null;
}

/** A mutation's input cannot be carried out: the caller can mend it, and nothing has been changed. */
export class InputRefused extends Error {
  override readonly name = 'InputRefused';
  /** @param more how many problems there are besides these */
  constructor(
    readonly problems: readonly Problem[],
    readonly more = 0,
  ) {
    super(
      problems.map((problem) => `${problem.path.join('.')}: ${problem.code}: ${problem.message}`).join('\n'),
    );
  }
}

/** More than anybody mends at once; a document of megabytes can have one in every other byte. */
const MAX_KEPT = 1000;

/** Collects everything that is wrong with an input, so that the caller hears of all of it at once. */
export class Problems {
  readonly #found: Problem[] = [];
  #more = 0;

  add(
    code: UserErrorCode,
    path: readonly string[],
    message: string,
    details: Problem['details'] = null,
  ): void {
    if (this.#found.length < MAX_KEPT) this.#found.push({ code, path, message, details });
    else this.#more += 1;
  }

  /** Is something wrong at this place? */
  has(path: readonly string[]): boolean {
    return this.#found.some((problem) => problem.path.join('.') === path.join('.'));
  }

  /** Adds a problem after which nothing more can be checked, and refuses the input with all of them. */
  refuse(...problem: Parameters<Problems['add']>): never {
    this.add(...problem);
    return this.refuseAll();
  }

  /** Everything found so far, the first 1,000. */
  get all(): readonly Problem[] {
    return this.#found;
  }

  /** Refuses the input with what was found; for where something must have been. */
  refuseAll(): never {
    throw new InputRefused(this.#found, this.#more);
  }

  get any(): boolean {
    return this.#found.length > 0;
  }

  /** @throws InputRefused if anything was added */
  refuseIfAny(): void {
    if (this.any) this.refuseAll();
  }
}

/** One problem, thrown at once. */
export function refuse(
  code: UserErrorCode,
  path: readonly string[],
  message: string,
  details: Problem['details'] = null,
): never {
  throw new InputRefused([{ code, path, message, details }]);
}
