import { EngineError, type EngineFailureReason } from '../container-engine.ts';

/** What a build was doing when it failed. */
export interface FailedStep {
  readonly number: number;
  readonly line: number | null;
  /** The instruction, e.g. `RUN pip install numpy`. */
  readonly name: string;
}

const DISK_FULL = /no space left on device|disk quota exceeded/i;
const EXIT_CODE = /returned a non-zero code: (\d+)|exit code: (\d+)|exit status (\d+)/g;
const KILLED = /\bkilled\b|out of memory|cannot allocate memory|\boom\b/i;
const NOT_FOUND =
  /manifest unknown|manifest for .* not found|pull access denied|name unknown|name invalid|repository .*(?:not found|does not exist)|: not found\b|no such image|no matching manifest|no match for platform|insufficient_scope|unauthorized|no basic auth|authentication required/i;
const UNREACHABLE =
  /dial (?:tcp|unix)|\blookup\b|no such host|connection (?:refused|reset)|network is unreachable|no route to host|timed? ?out|deadline exceeded|Client\.Timeout|TLS|x509|certificate|server gave HTTP response|\bEOF\b|toomanyrequests|rate limit|unexpected (?:http )?status|\b50[0234]\b/i;
/** Podman (4.3) that an ordinary user runs. */
const NO_OWN_NETWORK =
  /\bexec: "(?:slirp4netns|pasta)": |\bslirp4netns (?:sync pipe|failed)|\bpasta failed|could not find (?:slirp4netns|pasta)\b/;
const NO_NAMED_NETWORK = /: cannot use networks as rootless$/;
/**
 * Podman (4.3) killed the step, and not the step itself: it has a step's process die with the thread of its service that
 * started it, and such a thread ends wherever a container with a network is started (podman issue 17918). A step that
 * is killed by anybody else ends with exit status 1.
 */
const KILLED_BY_PODMAN = /: while running runtime: signal: killed$/;
const UNPARSABLE =
  /dockerfile parse error|unknown instruction|failed to reach build target|target stage .* could not be found|failed to create LLB definition|failed to parse|syntax error|requires .*argument|invalid reference format|requires BuildKit/i;

/**
 * What a build's error means. The engines have one text for people and no code, so their words are read; measured on
 * Docker 20.10 (both builders) and Podman 4.3.
 *
 * @param base the image that the failed step fetches, if it fetches one and no command of it ran
 * @param output the last that the step printed
 */
export function buildFailure(
  error: { readonly message: string; readonly code: number | null },
  step: FailedStep | null,
  { base = null, output = '' }: { readonly base?: string | null; readonly output?: string } = {},
): EngineError {
  const message = error.message.trim();
  const exitCode = error.code ?? exitCodeIn(message);
  const fail = (reason: EngineFailureReason, text: string, line = step?.line ?? null) =>
    new EngineError(reason, text, { step: step?.number ?? null, line, exitCode, cause: new Error(message) });

  if (DISK_FULL.test(message)) return fail('DISK_FULL', 'The container engine has no disk space left.');
  if (step && KILLED_BY_PODMAN.test(message)) {
    // Another try of the same build does not meet it again, save by chance.
    return fail(
      'ENGINE_UNAVAILABLE',
      `Step ${step.number} (${shorten(step.name)}) did not fail: Podman killed it, as it does now and then where a container starts meanwhile.`,
    );
  }
  const secret = /\bsecret (\S+?):? not found\b/.exec(message)?.[1];
  if (secret !== undefined && step && base === null && exitCode === null) {
    return fail(
      'STEP_FAILED',
      `Step ${step.number} (${shorten(step.name)}) needs the secret ${secret}, which this build was not given.`,
    );
  }
  if (exitCode === null && step && NO_OWN_NETWORK.test(message)) {
    return fail(
      'STEP_FAILED',
      `Step ${step.number} (${shorten(step.name)}) gets no network: on the container engine's machine, install slirp4netns, and let the user who runs Podman open /dev/net/tun, or set SLIPWAY_BUILD_NETWORK=none.`,
    );
  }
  if (exitCode === null && step && NO_NAMED_NETWORK.test(message)) {
    return fail(
      'STEP_FAILED',
      `Step ${step.number} (${shorten(step.name)}) gets no network: Podman that an ordinary user runs knows none with names, so SLIPWAY_BUILD_NETWORK has to be default or none.`,
    );
  }
  if (exitCode !== null && base === null) {
    const what = step ? `Step ${step.number} (${shorten(step.name)})` : 'A step';
    return exitCode === 137 && (KILLED.test(message) || /\bKilled\b/.test(output))
      ? fail('OUT_OF_MEMORY', `${what} was killed: it needs more memory than there is.`)
      : fail('STEP_FAILED', `${what} ended with exit code ${exitCode}.`);
  }
  if (base !== null) {
    // "Not found" first: engines say "failed to resolve …: not found" about a registry that answered.
    if (NOT_FOUND.test(message) && !/no such host/i.test(message)) {
      return fail('BASE_IMAGE_NOT_FOUND', `The base image ${base} does not exist, or may not be pulled.`);
    }
    if (UNREACHABLE.test(message)) {
      return fail('REGISTRY_UNAVAILABLE', `The registry of the base image ${base} cannot be reached.`);
    }
  }
  if (UNPARSABLE.test(message)) {
    const line = /\bline (\d+)/.exec(message)?.[1];
    return fail(
      'DOCKERFILE_INVALID',
      plain(message),
      line === undefined ? (step?.line ?? null) : Number(line),
    );
  }
  return step
    ? fail('STEP_FAILED', `Step ${step.number} (${shorten(step.name)}) failed: ${plain(message)}`)
    : fail('INTERNAL', `The build failed: ${plain(message)}`);
}

/** What a push's error means. */
export function pushFailure(message: string): EngineError {
  const cause = new Error(message);
  if (DISK_FULL.test(message)) return new EngineError('DISK_FULL', 'There is no disk space left.', { cause });
  if (/denied|unauthorized|authentication required|no basic auth|forbidden|\b40[13]\b/i.test(message)) {
    return new EngineError(
      'PUSH_DENIED',
      'The registry refuses the push: the credentials lack the right to it.',
      { cause },
    );
  }
  return new EngineError('REGISTRY_UNAVAILABLE', 'The registry did not take the image.', { cause });
}

/** What an error means that stands in the answer to an image that was put into the engine. */
export function loadFailure(message: string): EngineError {
  const cause = new Error(message);
  return DISK_FULL.test(message)
    ? new EngineError('DISK_FULL', 'The container engine has no disk space left.', { cause })
    : new EngineError('INTERNAL', `The container engine did not take the image: ${message.trim()}`, {
        cause,
      });
}

/** What the engine's HTTP API answered where it answered with an error. */
export interface EngineHttpError extends Error {
  readonly statusCode: number;
}

export function isHttpError(error: unknown): error is EngineHttpError {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number';
}

/** The engine knows no container or image of this id. */
export const isNotFound = (error: unknown): boolean => isHttpError(error) && error.statusCode === 404;

/** The answer; `null` where the engine knows no container or image of this id. */
export async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

/** The engine's own words, without the client's frame around them. */
export function engineWords(error: Error): string {
  return error.message.replace(/^\(HTTP code \d+\) [^-]*- /, '').trim();
}

const GONE = new Set([
  'ENOENT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ETIMEDOUT',
]);

/** Any error of a call to the engine, as an {@link EngineError}; an aborted signal's reason as it is. */
export function toEngineError(error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof EngineError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : null;
  const says = error instanceof Error ? error.message : String(error);
  if (code === 'EACCES' || code === 'EPERM') {
    const message =
      'This user may not use the container engine: add the user to the group that owns its socket.';
    return new EngineError('ENGINE_UNAVAILABLE', message, { cause: error });
  }
  const isTimeout = error instanceof Error && error.name === 'TimeoutError';
  if (
    isTimeout ||
    (typeof code === 'string' && GONE.has(code)) ||
    /socket hang up|aborted|premature close/i.test(says)
  ) {
    const message = 'The container engine does not answer: start it, or set DOCKER_HOST to one that runs.';
    return new EngineError('ENGINE_UNAVAILABLE', message, { cause: error });
  }
  if (isHttpError(error)) {
    return DISK_FULL.test(says)
      ? new EngineError('DISK_FULL', 'The container engine has no disk space left.', { cause: error })
      : new EngineError('INTERNAL', `The container engine refused: ${engineWords(error)}`, { cause: error });
  }
  return new EngineError('INTERNAL', 'The container engine answered something unexpected.', { cause: error });
}

function exitCodeIn(message: string): number | null {
  // The last one: before it may stand the step's command, which may say such a thing itself.
  const found = [...message.matchAll(EXIT_CODE)]
    .at(-1)
    ?.slice(1)
    .find((digits) => digits !== undefined);
  return found === undefined ? null : Number(found);
}

/** Without what engines put around an error on its way up. */
function plain(message: string): string {
  return message.replace(
    /^(?:failed to solve[^:]*: |failed to create LLB definition: |building at STEP "[^"]*": )+/,
    '',
  );
}

const shorten = (name: string): string => (name.length > 120 ? `${name.slice(0, 119)}…` : name);
