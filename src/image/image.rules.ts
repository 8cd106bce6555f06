import type { Architecture, ImageStatus } from '../shared/enums.ts';
import type { Image } from './image.entity.ts';

/**
 * The life of an image in the catalogue.
 *
 * | from | to | when |
 * |---|---|---|
 * | INIT | CREATING | the notebook's commit starts |
 * | INIT, CREATING | ACTIVE | pushed, and the registry has answered with its digest |
 * | INIT, CREATING | CREATE_FAILED | failed, timed out or cancelled |
 * | ACTIVE | ERROR, and back | an update with `verify` finds the manifest gone, or there again |
 * | ACTIVE, CREATE_FAILED, ERROR | DELETED | somebody deletes it, or another build takes over its name |
 * | DELETED | the status before | somebody brings it back |
 *
 * A deleted image can be purged: then its row is gone.
 */
const MOVES = {
  INIT: ['CREATING', 'ACTIVE', 'CREATE_FAILED'],
  CREATING: ['ACTIVE', 'CREATE_FAILED'],
  ACTIVE: ['ERROR', 'DELETED'],
  CREATE_FAILED: ['DELETED'],
  ERROR: ['ACTIVE', 'DELETED'],
  DELETED: ['ACTIVE', 'ERROR', 'CREATE_FAILED'],
} as const satisfies Record<ImageStatus, readonly ImageStatus[]>;

/** Is a build still making it? */
export function isUnfinished(status: ImageStatus): boolean {
  return status === 'INIT' || status === 'CREATING';
}

/** Is it neither deleted nor failed? */
export function isLive(status: ImageStatus): boolean {
  return status !== 'DELETED' && status !== 'CREATE_FAILED';
}

/** Of several images that could be meant, a live one before others. */
export function liveOrFirst<T extends { readonly status: ImageStatus }>(images: readonly T[]): T | null {
  return images.find(({ status }) => isLive(status)) ?? images[0] ?? null;
}

/** Does it hold its name in the catalogue? One that waits to replace another does not yet. */
export function holdsName({ status, replacesId }: Pick<Image, 'status' | 'replacesId'>): boolean {
  return isLive(status) && replacesId === null;
}

/** Takes an image out of the catalogue; it can come back to where it was. */
export function moveToDeleted(
  image: Pick<Image, 'status' | 'statusBefore' | 'deletedAt' | 'updatedAt'>,
  now: Date,
): void {
  image.statusBefore = image.status;
  image.status = 'DELETED';
  image.deletedAt = now;
  image.updatedAt = now;
}

/** May an image go from one state to the other? */
export function canMove(from: ImageStatus, to: ImageStatus): boolean {
  return (MOVES[from] as readonly ImageStatus[]).includes(to);
}

/** A catalogue name: one or more OCI path components. */
export const IMAGE_NAME =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
/** The longest name of a registered image (S4). */
export const MAX_REGISTERED_NAME = 512;
/** The longest name of an image that is made here (S2). */
export const MAX_CREATED_NAME = 128;
/** An OCI tag. */
export const OCI_TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
export const DEFAULT_TAG = 'latest';

/** OCI's words of the architectures that the catalogue knows. */
const ARCHITECTURES: Readonly<Record<string, Architecture>> = { amd64: 'X86_64', arm64: 'AARCH64' };

/** OCI's word of an architecture of the catalogue. */
export function ociArchitectureOf(architecture: Architecture): string {
  return architecture === 'X86_64' ? 'amd64' : 'arm64';
}

/** The catalogue's word for an architecture that a registry names in OCI's; `null` for none and for one it does not know. */
export function architectureOf(oci: string | null): Architecture | null {
  return oci === null ? null : (ARCHITECTURES[oci] ?? null);
}
