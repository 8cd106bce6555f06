import type { RegistryCredentials } from '../../engine/container-engine.ts';
import { parseImageReference } from '../../shared/image-reference.ts';
import type { Problems } from '../../shared/problems.ts';
import { isDockerHub } from '../../shared/registry-host.ts';

const MAX_AUTHS = 20;
/** Characters; the longest in use, a cloud's key file as the password, has about 4,000. */
const MAX_AUTH = 16_384;
const MAX_SECRETS = 50;
/** What BuildKit takes for one secret. */
const MAX_SECRET_BYTES = 500 * 1024;
/** Of all secrets together: each line is looked for in all that the build prints. */
const MAX_SECRET_LINES = 1000;
const MAX_ALL_SECRETS_BYTES = 1024 * 1024;
/** A shorter one could not be masked without masking everything. */
const MIN_SECRET_BYTES = 3;
const SECRET_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export interface CredentialInput {
  readonly domain: string;
  /** Base64 of `user:password`. */
  readonly auth: string;
}
export interface SecretInput {
  readonly id: string;
  readonly value: string;
}

/**
 * Checks the credentials of the registries that a build pulls from: S3's `RegistryAuths`.
 *
 * Nothing of them is ever quoted, not even the domain or a secret's id below: whoever mixed up the fields wrote a password
 * there.
 *
 * @returns by host, `host[:port]` in lower-case letters, `docker.io` for each of Docker Hub's names; everything that is
 *   wrong is in `problems`
 */
export function registryAuthsOf(
  auths: readonly CredentialInput[] | null | undefined,
  path: readonly string[],
  problems: Problems,
): Map<string, RegistryCredentials> {
  const found = new Map<string, RegistryCredentials>();
  if (!auths || isTooMany(auths, MAX_AUTHS, path, problems)) return found;
  const seen = new Set<string>();
  for (const [index, { domain, auth }] of auths.entries()) {
    const at = (field: keyof CredentialInput) => [...path, String(index), field];
    const host = hostOf(domain);
    if (host === null) {
      const message =
        "the registry's host as image references have it, with its port where it needs one and no path, e.g. registry.example:5000";
      problems.add('PATTERN', at('domain'), message);
    } else if (seen.has(host)) {
      problems.add('DUPLICATE', at('domain'), 'there are credentials for this registry already');
    } else {
      seen.add(host);
    }
    const credentials = readAuth(auth);
    if ('problem' in credentials) {
      problems.add('REGISTRY_AUTH_INVALID', at('auth'), credentials.problem);
    } else if (host !== null && !found.has(host)) {
      found.set(host, credentials);
    }
  }
  return found;
}

/**
 * Checks what `RUN --mount=type=secret` may ask for.
 *
 * @returns the values by their ids; everything that is wrong is in `problems`
 * @see https://docs.docker.com/build/building/secrets/
 */
export function buildSecretsOf(
  secrets: readonly SecretInput[] | null | undefined,
  path: readonly string[],
  problems: Problems,
): Map<string, string> {
  const found = new Map<string, string>();
  if (!secrets || isTooMany(secrets, MAX_SECRETS, path, problems)) return found;
  for (const [index, { id, value }] of secrets.entries()) {
    const at = (field: keyof SecretInput) => [...path, String(index), field];
    if (!SECRET_ID.test(id)) {
      const message = 'at most 128 letters, digits, dots, underscores and hyphens, a letter or digit first';
      problems.add('PATTERN', at('id'), message, { pattern: SECRET_ID.source });
    } else if (found.has(id)) {
      problems.add('DUPLICATE', at('id'), 'there is a secret of this id already');
    }
    if (value === '') {
      problems.add('REQUIRED', at('value'), 'a secret needs a value: give it, or leave the secret out');
    } else if (Buffer.byteLength(value.trim()) < MIN_SECRET_BYTES) {
      const message = `a secret has at least ${MIN_SECRET_BYTES} bytes: a shorter one cannot be masked in the log`;
      problems.add('INVALID', at('value'), message, { min: MIN_SECRET_BYTES });
    } else if (Buffer.byteLength(value) > MAX_SECRET_BYTES) {
      const message = `may have at most ${MAX_SECRET_BYTES} bytes in UTF-8`;
      problems.add('TOO_LONG', at('value'), message, { max: MAX_SECRET_BYTES });
    } else if (!value.isWellFormed()) {
      problems.add('INVALID', at('value'), 'holds half a character (a lone surrogate)');
    }
    if (!found.has(id)) found.set(id, value);
  }
  const values = [...found.values()];
  const lines = values.reduce((sum, value) => sum + value.split('\n').length, 0);
  if (lines > MAX_SECRET_LINES) {
    const message = `all secrets together have at most ${MAX_SECRET_LINES} lines: each is masked in the log`;
    problems.add('TOO_MANY', path, message, { max: MAX_SECRET_LINES, current: lines });
  }
  const bytes = values.reduce((sum, value) => sum + Buffer.byteLength(value), 0);
  if (bytes > MAX_ALL_SECRETS_BYTES) {
    const message = `all secrets together have at most ${MAX_ALL_SECRETS_BYTES} bytes`;
    problems.add('TOO_LONG', path, message, { max: MAX_ALL_SECRETS_BYTES, current: bytes });
  }
  return found;
}

function isTooMany(
  list: readonly unknown[],
  max: number,
  path: readonly string[],
  problems: Problems,
): boolean {
  if (list.length <= max) return false;
  problems.add('TOO_MANY', path, `at most ${max}; these are ${list.length}`, { max, current: list.length });
  return true;
}

/** Also takes what `docker login` writes into its file, such as `https://index.docker.io/v1/`. */
function hostOf(domain: string): string | null {
  const host = domain
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/\/(?:v[12]\/?)?$/, '');
  if (isDockerHub(host)) return 'docker.io';
  const parsed = parseImageReference(`${host}/any`);
  return 'problem' in parsed || parsed.host !== host ? null : host;
}

function readAuth(auth: string): RegistryCredentials | { readonly problem: string } {
  if (auth.length > MAX_AUTH) return { problem: `may have at most ${MAX_AUTH} characters` };
  const bytes = Buffer.from(auth, 'base64');
  // The way back finds bits that base64 has no use for.
  if (!BASE64.test(auth) || bytes.toString('base64') !== auth) {
    return { problem: 'is not base64: give base64 of user:password, on one line and with its padding' };
  }
  const text = textOf(bytes);
  if (text === null) return { problem: 'is base64 of something that is not UTF-8: encode user:password' };
  if (/\p{Cc}/u.test(text)) {
    const problem = 'is base64 of a text with a control character, such as the line end that echo adds';
    return { problem: `${problem}: encode user:password without it` };
  }
  const [, username, password] = /^([^:]+):(.+)$/su.exec(text) ?? [];
  if (username === undefined || password === undefined) {
    return { problem: 'must be base64 of user:password, neither of them empty' };
  }
  return { username, password };
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
