import { BadInputError } from './errors.ts';

/** The types that have a global id. */
export const NODE_TYPES = [
  'Image',
  'ImageBuild',
  'Namespace',
  'Workspace',
  'Notebook',
  'User',
  'AccessToken',
  'AuditEvent',
] as const;
export type NodeType = (typeof NODE_TYPES)[number];

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Is this a UUID in its usual lower-case form? */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** The opaque id that clients see: type and UUID, in base64url. */
export function toGlobalId(type: NodeType, uid: string): string {
  // A third of the time that a Buffer takes. In base64url but for the filling: letters, digits, `:` and `-` make no `+` and no `/`.
  const text = btoa(`${type}:${uid}`);
  const filling = text.indexOf('=');
  return filling === -1 ? text : text.slice(0, filling);
}

interface GlobalId {
  readonly type: NodeType;
  readonly uid: string;
}

/** What is wrong with an id for which {@link tryReadGlobalId} answers `null`. */
export const MALFORMED_ID = 'This is not an id of this server; take the ids that its answers hold.';

/** Reads an opaque id; `null` for what is no id of ours at all. */
export function tryReadGlobalId(id: string): GlobalId | null {
  const [type, uid, ...rest] = Buffer.from(id, 'base64url').toString().split(':');
  const known = NODE_TYPES.find((candidate) => candidate === type);
  if (known === undefined || uid === undefined || rest.length > 0 || !isUuid(uid)) return null;
  return { type: known, uid };
}

/**
 * Reads an opaque id of a query or a subscription; those of a mutation's input are read into its payload's `userErrors`.
 *
 * @param path where the id stands in the arguments, for the error
 * @throws BadInputError if it is no id of ours at all
 */
export function readGlobalId(id: string, path: readonly string[] = ['id']): GlobalId {
  const read = tryReadGlobalId(id);
  if (read === null) throw new BadInputError(MALFORMED_ID, path);
  return read;
}

/**
 * The UUID in an opaque id of one type; `null` for an id of another type, which names nothing of this one.
 *
 * @throws BadInputError if it is no id of ours at all
 */
export function uidOf(type: NodeType, id: string, path: readonly string[] = ['id']): string | null {
  const read = readGlobalId(id, path);
  return read.type === type ? read.uid : null;
}

/** Names nothing: what a filter gets for an id of another type. */
export const NO_SUCH_UID = '00000000-0000-0000-0000-000000000000';
