import { type ParsedDockerfile, rangeFinder } from '../../shared/dockerfile.ts';
import { splitQuoted } from '../../shared/dockerfile-lines.ts';
import { excerpt } from '../../shared/excerpt.ts';
import type { DockerfileProblem } from './dockerfile.rules.ts';
import { header } from './dockerfile-remote.rules.ts';

/**
 * Warns of every ARG and ENV that is named like a secret or holds what looks like one: its value can be read in the image
 * or its history by everybody who can pull it. The value is never quoted. PURE.
 *
 * `# check=skip=SecretsUsedInArgOrEnv` at the top, which is BuildKit's way to say that they are none, is heeded.
 */
export function* secretProblems({ lines, instructions }: ParsedDockerfile): Generator<DockerfileProblem> {
  if (skipsCheck(lines)) return;
  for (const { keyword, text, range } of instructions) {
    if (keyword !== 'ARG' && keyword !== 'ENV') continue;
    const find = rangeFinder(lines, range);
    for (const { name, value } of variablesOf(keyword, text)) {
      const isKnown = KNOWN_SECRET.test(value);
      if (!isKnown && !(isSecretName(name) && isSecretValue(keyword, value))) continue;
      const what = isKnown ? `the value of ${keyword} ${excerpt(name)}` : `${keyword} ${excerpt(name)}`;
      const message = `${what} looks like a secret and could be read in the image or its history; ${advice(name)}`;
      yield { severity: 'WARNING', code: 'SECRET_IN_ARG_OR_ENV', message, ...find(name) };
    }
  }
}

/** One sentence for each build argument that is named like a secret. PURE. */
export function secretArgWarnings(names: readonly string[]): string[] {
  return names
    .filter(isSecretName)
    .map(
      (name) =>
        `the build argument ${excerpt(name)} looks like a secret and could be read in the image's history; ${advice(name)}`,
    );
}

const advice = (name: string): string =>
  `send it in secrets, and use it in RUN --mount=type=secret,id=${excerpt(name)}`;

/** As BuildKit's `SecretsUsedInArgOrEnv` has them, and those that people write besides. */
const SECRET_WORD = /password|passwd|passphrase|secret|credential|apikey|^pword$|token$/;
/** These mean a secret only where a name ends with them: AUTH_MODE and KEY_ALIAS are none. */
const SECRET_LAST_WORD = /^(?:auth|keys?|pat|pwd)$/;
/** Of keys, these are no secret. */
const OPEN_KEY = /^(?:gpg|pgp|apt|public|pub|cache|sort|partition|primary)$/;
/** A name that ends so tells about a secret: where it is, how long, or whose. */
const ABOUT_A_SECRET =
  /^(?:file|path|dir|url|uri|endpoint|host|port|name|id|version|type|mode|length|size|limit|count|expiry|expires|expiration|ttl|timeout|alias|algorithm|pattern|prefix|header|provider|user|username|arn|enabled|required|policy|manager|store)$/;

/** Does the name or the value of a build argument say that it is a secret? PURE. */
export const looksSecret = (name: string, value: string): boolean =>
  (isSecretName(name) && isSecretValue('ENV', value)) || KNOWN_SECRET.test(value);

function isSecretName(name: string): boolean {
  const words = name
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
  const last = words.at(-1) ?? '';
  if (words.includes('public') || ABOUT_A_SECRET.test(last)) return false;
  if (words.some((word) => SECRET_WORD.test(word))) return true;
  // PWD alone is the working folder, and PAT a word.
  if (words.length === 1) return last === 'auth' || last === 'key';
  return SECRET_LAST_WORD.test(last) && !OPEN_KEY.test(words.at(-2) ?? '');
}

/** Not what switches something on or off, as in ALLOW_EMPTY_PASSWORD=yes; an ARG without a default gets its value later. */
function isSecretValue(keyword: string, value: string): boolean {
  const plain = value.replace(/^(["'])(.*)\1$/s, '$2');
  if (plain === '') return keyword === 'ARG';
  return !/^(?:true|false|yes|no|on|off|none|null|\d{1,2})$/i.test(plain);
}

/** What services give out: GitHub, GitLab, AWS, Google, OpenAI and their like, Hugging Face, Slack, npm, PyPI, Docker, Stripe; keys, and passwords in URLs. */
const KNOWN_SECRET = new RegExp(
  [
    /gh[opsur]_[A-Za-z0-9]{30}/,
    /github_pat_[A-Za-z0-9_]{22}/,
    /glpat-[\w-]{20}/,
    /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
    /\bAIza[\w-]{35}/,
    /\bsk-[\w-]{20}/,
    /\bhf_[A-Za-z0-9]{30}/,
    /\bxox[abeoprs]-[\w-]{10}/,
    /\bnpm_[A-Za-z0-9]{36}/,
    /\bpypi-[\w-]{50}/,
    /\bdckr_[a-z]{2,5}_[\w-]{20}/,
    /\b[rs]k_live_[A-Za-z0-9]{16}/,
    /-----BEGIN [A-Z ]{0,30}PRIVATE KEY/,
    /:\/\/[^\s/:@$'"]{1,100}:[^\s/@$'"]{1,200}@/,
  ]
    .map(({ source }) => source)
    .join('|'),
);

interface Variable {
  readonly name: string;
  /** As it is written, quotes and all; empty where there is none. */
  readonly value: string;
}

/** What one ARG or ENV sets. */
function variablesOf(keyword: string, text: string): Variable[] {
  const { words } = splitQuoted(text.replace(/^\S+\s*/, ''));
  const [first = '', ...others] = words;
  // `ENV NAME a value of several words`
  if (keyword === 'ENV' && !first.includes('=')) return [{ name: first, value: others.join(' ') }];
  return words.map((word) => {
    const [name = '', ...value] = word.split('=');
    return { name, value: value.join('=') };
  });
}

function skipsCheck(lines: readonly string[]): boolean {
  for (const [, line] of header(lines)) {
    const [, skipped = ''] = /^\s*#\s*check\s*=\s*(?:[^;]*;)?\s*skip\s*=([^;]*)/i.exec(line) ?? [];
    const rules = skipped.split(',').map((rule) => rule.trim().toLowerCase());
    if (rules.includes('all') || rules.includes('secretsusedinargorenv')) return true;
  }
  return false;
}
