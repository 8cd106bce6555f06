import { LockMode } from '@mikro-orm/core';
import type { Action, Session } from '../auth/session.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import { excerpt } from '../shared/excerpt.ts';
import { toGlobalId } from '../shared/global-id.ts';
import type { Problems } from '../shared/problems.ts';
import { isSameRegistry } from '../shared/registry-host.ts';
import { Image } from './image.entity.ts';
import { imagesByIds } from './image.reads.ts';
import { tagOfReference } from './image-name.rules.ts';

const NO_SUCH_IMAGE = 'there is no such image';

/**
 * The image that a mutation is about, locked for the transaction, if the viewer may see it and do this to it.
 *
 * @param uid `null` names none
 * @param which a deleted image is there for bringing it back and purging it alone
 * @throws InputRefused NOT_FOUND, BUILT_IN, or INVALID where a live image was given for a deleted one
 * @throws ForbiddenError the viewer may see it, but not do this
 */
export async function lockImage(
  tx: EntityManager,
  session: Session,
  uid: string | null,
  action: Action,
  which: 'live' | 'deleted',
  problems: Problems,
): Promise<Image> {
  const [seen] = uid === null ? [] : await imagesByIds(kysely(tx), session, [uid]);
  if (seen === undefined || (which === 'live' && seen.status === 'DELETED')) {
    return problems.refuse('NOT_FOUND', ['id'], NO_SUCH_IMAGE);
  }
  session.assertCan(action, seen.namespaceId);
  if (seen.type === 'BUILD_IN') problems.refuse('BUILT_IN', ['id'], 'built-in images are read-only');
  const image = await tx.findOne(Image, { id: seen.id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  // Somebody else may have been faster between the two statements.
  if (image === null || (which === 'live' && image.status === 'DELETED')) {
    return problems.refuse('NOT_FOUND', ['id'], NO_SUCH_IMAGE);
  }
  if (which === 'deleted' && image.status !== 'DELETED') {
    const message = `the image is ${image.status}: delete it first`;
    return problems.refuse('INVALID', ['id'], message, { status: image.status });
  }
  return image;
}

/** The image that holds a catalogue name, if there is one. */
export async function findLive(
  em: EntityManager,
  namespaceId: string,
  name: { readonly name: string; readonly tag: string },
): Promise<Image | null> {
  return await em.findOne(Image, {
    namespaceId,
    name: name.name,
    tag: name.tag,
    status: { $nin: ['DELETED', 'CREATE_FAILED'] },
    replacesId: null,
  });
}

/** @param holder the image that has the name; only the name where it has just gone again, or may not be seen */
export function nameTaken(holder: { readonly name: string; readonly tag: string; readonly id?: string }) {
  const { id, name, tag } = holder;
  const message = `a live image has the name ${excerpt(`${name}:${tag}`)} in this namespace`;
  const imageId = id === undefined ? {} : { imageId: toGlobalId('Image', id) };
  return ['NAME_TAKEN', ['name'], message, { name, tag, ...imageId }] as const;
}

/** Where something lies in a registry. */
type Place = Pick<Image, 'registryHost' | 'repository' | 'digest'>;

/**
 * Has another image of the catalogue, deleted ones among them, the same manifest in the same repository? One whose digest nobody
 * knows may have.
 */
export async function isManifestShared(
  em: EntityManager,
  place: Place,
  exceptId: string | null,
): Promise<boolean> {
  const others = await imagesIn(em, place, exceptId);
  return others.some(({ digest }) => digest === place.digest || digest === null);
}

/**
 * Does another image, deleted ones among them, need a tag that leads to a digest: is it found by this tag alone, or would its
 * manifest be garbage without it?
 */
export async function isTagShared(
  em: EntityManager,
  place: Place & { readonly tag: string },
  exceptId: string | null,
): Promise<boolean> {
  const others = await imagesIn(em, place, exceptId);
  return others.some(({ reference, digest }) => {
    const tag = tagOfReference(reference);
    const isSame = digest === place.digest;
    return tag === place.tag ? isSame || !reference.includes('@') : isSame && tag === null;
  });
}

async function imagesIn(em: EntityManager, { registryHost, repository }: Place, exceptId: string | null) {
  const found = await em.find(
    Image,
    { repository },
    { fields: ['registryHost', 'reference', 'digest'], disableIdentityMap: true },
  );
  return found.filter((image) => image.id !== exceptId && isSameRegistry(image.registryHost, registryHost));
}
