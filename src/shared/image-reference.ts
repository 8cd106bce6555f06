import { excerpt } from './excerpt.ts';

/**
 * The parts of an image reference, `[host[:port]/]path[:tag][@digest]`, as they are written: nothing is filled in.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
 */
export interface ImageReference {
  /** `host[:port]`; `null` where the reference names none, which the engine reads as Docker Hub. */
  readonly host: string | null;
  /** One or more lowercase components, e.g. `team/torch`. */
  readonly path: string;
  readonly tag: string | null;
  /** `algorithm:hex`. */
  readonly digest: string | null;
}

/** Why a text is not an image reference, as a sentence for the one who wrote it. */
export interface ReferenceProblem {
  readonly problem: string;
}

const HOST =
  /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+\])(?::\d{1,5})?$/i;
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

/** Hex digits of the algorithms that are in use; of others only the least length is known. */
const HEX_LENGTH: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

const MAX_PORT = 65_535;
/** The longest `host/path` that engines and registries take. */
const MAX_REPOSITORY_LENGTH = 255;
/** With a tag of 128 and a digest of 128 hex digits there is room to spare; megabytes overflow a regular expression's stack. */
const MAX_LENGTH = 1024;

/** Reads a reference by the rules of the OCI distribution specification, and tells host from path as Docker does. */
export function parseImageReference(text: string): ImageReference | ReferenceProblem {
  if (text === '') return { problem: 'an image reference must not be empty' };
  if (text.length > MAX_LENGTH)
    return { problem: `"${excerpt(text)}" is longer than ${MAX_LENGTH} characters` };
  const [named = '', digest, ...moreDigests] = text.split('@');
  if (moreDigests.length > 0) return { problem: `"${excerpt(text)}" has more than one @` };
  if (digest !== undefined && !isDigest(digest))
    return { problem: `"${excerpt(digest)}" is not a digest like sha256:<64 hex digits>` };

  const { host, rest } = splitHost(named);
  if (host !== null && !isHost(host)) return { problem: `"${excerpt(host)}" is not a registry host` };
  const colon = rest.indexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? null : rest.slice(colon + 1);
  if (tag !== null && !TAG.test(tag)) {
    return {
      problem: `"${excerpt(tag)}" is not a tag: up to 128 letters, digits, _ . -, and no . or - in front`,
    };
  }
  if (path === '') return { problem: `"${excerpt(text)}" names no repository` };
  const wrong = path.split('/').find((component) => !PATH_COMPONENT.test(component));
  if (wrong !== undefined) {
    return {
      problem: /[A-Z]/.test(wrong)
        ? `"${excerpt(wrong)}" must be in lowercase letters`
        : `"${excerpt(wrong)}" is not a repository name: lowercase letters and digits, with . _ __ or - between them`,
    };
  }
  if ((host === null ? 0 : host.length + 1) + path.length > MAX_REPOSITORY_LENGTH) {
    return { problem: `the repository's name is longer than ${MAX_REPOSITORY_LENGTH} characters` };
  }
  return { host, path, tag, digest: digest ?? null };
}

function isHost(text: string): boolean {
  const [, port] = /:(\d+)$/.exec(text) ?? [];
  return HOST.test(text) && (port === undefined || (Number(port) >= 1 && Number(port) <= MAX_PORT));
}

/** The text of a reference; what {@link parseImageReference} read comes out as it went in. */
export function printImageReference({ host, path, tag, digest }: ImageReference): string {
  return `${host === null ? '' : `${host}/`}${path}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`;
}

/** The first component is a host only if it cannot be a path: it has a dot or a colon, an uppercase letter, or is `localhost`. */
function splitHost(named: string): { host: string | null; rest: string } {
  const slash = named.indexOf('/');
  const first = slash < 0 ? '' : named.slice(0, slash);
  const isHost = /[.:A-Z]/.test(first) || first === 'localhost';
  return isHost ? { host: first, rest: named.slice(slash + 1) } : { host: null, rest: named };
}

function isDigest(text: string): boolean {
  if (!DIGEST.test(text)) return false;
  const [algorithm = '', hex = ''] = text.split(':');
  const length = HEX_LENGTH[algorithm];
  return length === undefined || (hex.length === length && hex === hex.toLowerCase());
}
