import { LockMode } from '@mikro-orm/core';
import { sql } from 'kysely';
import { holdSession } from '../auth/held-session.ts';
import type { ScopeAction, Session } from '../auth/session.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import { excerpt } from '../shared/excerpt.ts';
import { toGlobalId } from '../shared/global-id.ts';
import type { Problems } from '../shared/problems.ts';
import { isSameRegistry } from '../shared/registry-host.ts';
import { Image } from './image.entity.ts';
import { imagesByIds } from './image.reads.ts';
import { DEFAULT_TAG } from './image.rules.ts';

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
  action: ScopeAction,
  which: 'live' | 'deleted',
  problems: Problems,
): Promise<Image> {
  const [seen] = uid === null ? [] : await imagesByIds(kysely(tx), session, [uid]);
  if (seen === undefined) return problems.refuse('NOT_FOUND', ['id'], NO_SUCH_IMAGE);
  if (which === 'live' && seen.status === 'DELETED') {
    const { status } = seen;
    return problems.refuse('NOT_FOUND', ['id'], 'the image is deleted: restore it first', { status });
  }
  session.assertCan(action, seen.namespaceId);
  if (seen.type === 'BUILD_IN') problems.refuse('BUILT_IN', ['id'], 'built-in images are read-only');
  const image = await tx.findOne(Image, { id: seen.id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  // Somebody else may have been faster between the two statements.
  if (image === null || (which === 'live' && image.status === 'DELETED')) {
    return problems.refuse('NOT_FOUND', ['id'], NO_SUCH_IMAGE);
  }
  // They may have moved it.
  session.assertCan(action, image.namespaceId);
  if (which === 'deleted' && image.status !== 'DELETED') {
    const message = `the image is ${image.status}; this is for deleted images`;
    return problems.refuse('INVALID', ['id'], message, { status: image.status });
  }
  return image;
}

/**
 * Looks again, and for good, whether the viewer may show an image of this namespace to everybody: see {@link holdSession}.
 *
 * Call it when all else is locked, just before writing: who has it waits for no lock on an image, a namespace or a workspace, and who
 * takes users, tokens or roles waits for no image. So nobody waits in a circle.
 *
 * @throws UnauthenticatedError, ForbiddenError
 */
export async function holdSharing(tx: EntityManager, session: Session, namespaceId: string): Promise<void> {
  const viewer = await holdSession(kysely(tx), session, { kind: 'namespace', id: namespaceId });
  viewer.assertCan('image:share', namespaceId);
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

/**
 * @param holder the image that has the name; only the name where it has just gone again, or may not be seen
 * @param path what asks for the name
 */
export function nameTaken(
  holder: { readonly name: string; readonly tag: string; readonly id?: string },
  path: readonly string[] = ['name'],
) {
  const { id, name, tag } = holder;
  const message = `a live image has the name ${excerpt(`${name}:${tag}`)} in this namespace`;
  const imageId = id === undefined ? {} : { imageId: toGlobalId('Image', id) };
  return ['NAME_TAKEN', path, message, { name, tag, ...imageId }] as const;
}

/** Where something lies in the platform's own registry. */
interface Place {
  readonly registryHost: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

/** What other images of the catalogue, deleted ones among them, need of a place in a registry. */
export interface Sharing {
  /** Another image has the same manifest in the same repository; one whose digest nobody knows may have. */
  readonly manifest: boolean;
  /** Another image is found by this tag alone, or its manifest would be garbage without it. */
  readonly tag: boolean;
  /** A live image has this tag in its reference, whatever the tag leads to by now. */
  readonly liveTag: boolean;
}

/** @param exceptId the image that is asked for, which does not count */
export async function sharingOf(em: EntityManager, place: Place, exceptId: string | null): Promise<Sharing> {
  const db = kysely(em);
  const { registryHost, repository, tag, digest } = place;
  const written = await db
    .selectFrom('Image')
    .select('registryHost')
    .distinct()
    .where('repository', '=', repository)
    .execute();
  const hosts = written.map((row) => row.registryHost).filter((host) => isSameRegistry(host, registryHost));
  // `named.tag` is what tagOfReference says.
  const { rows } = await sql<Sharing>`
    select coalesce(bool_or(is_same or digest is null), false) as manifest,
      coalesce(bool_or(case when named.tag = ${tag} then is_same or reference not like '%@%'
        else is_same and named.tag is null end), false) as tag,
      coalesce(bool_or(named.tag = ${tag} and status not in ('DELETED', 'CREATE_FAILED')), false) as "liveTag"
    from image
      cross join lateral (select coalesce(substring(split_part(reference, '@', 1) from ':([^/:]+)$'),
        case when reference not like '%@%' then ${DEFAULT_TAG} end) as tag, coalesce(digest = ${digest}, false) as is_same) named
    where repository = ${repository} and registry_host = any(${hosts}) and id is distinct from ${exceptId}::uuid`.execute(
    db,
  );
  return rows[0] as Sharing;
}

/**
 * Keeps everybody else from beginning to push to a repository of the platform's own registry, and from removing anything there,
 * until the transaction ends. Take it after images and builds are locked: who has it waits for neither.
 */
export async function lockRepository(tx: EntityManager, repository: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`slipway registry ${repository}`}, 0))`.execute(
    kysely(tx),
  );
}
