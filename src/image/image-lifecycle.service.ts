import type { Session } from '../auth/session.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import { isTaken } from '../db/violations.ts';
import type { WriteGate } from '../db/write-gate.ts';
import { Namespace } from '../namespace/namespace.entity.ts';
import { PLATFORM_NAMESPACE } from '../namespace/namespace.rules.ts';
import { type ImageRegistry, RegistryError } from '../registry/image-registry.ts';
import { UnavailableError } from '../shared/errors.ts';
import { toGlobalId } from '../shared/global-id.ts';
import { Problems, refuse } from '../shared/problems.ts';
import { isSameRegistry } from '../shared/registry-host.ts';
import {
  checkCycle,
  checkNotNeeded,
  lockDependencies,
  lostDependencies,
  readDependenciesOf,
} from './dependency/image-dependencies.ts';
import type { ImageName } from './dependency/image-dependency.rules.ts';
import type { Image } from './image.entity.ts';
import { canMove, isLive, moveToDeleted } from './image.rules.ts';
import { findLive, lockImage, lockRepository, nameTaken, sharingOf } from './image-access.ts';
import { recordEdit } from './image-edit.rules.ts';
import { tagOfReference } from './image-name.rules.ts';
import type { ImageQuotaService } from './quota/image-quota.service.ts';
import type { RegistryPushes } from './registry/registry-pushes.ts';

export interface Changed {
  readonly image: Image;
  readonly warnings: readonly string[];
}

/** Taking images out of the catalogue, bringing them back, and removing them for good. */
export class ImageLifecycleService {
  constructor(
    private readonly writes: WriteGate,
    private readonly quotas: ImageQuotaService,
    /** The platform's own; `null` on a server without one. */
    private readonly registry: ImageRegistry | null,
    private readonly pushes: RegistryPushes,
  ) {}

  /**
   * Takes an image out of the catalogue; its row stays, and so does what the registry holds.
   *
   * @param force although live images depend on it
   */
  async delete(session: Session, uid: string | null, force: boolean): Promise<Changed> {
    return await this.writes.run(async (tx) => {
      const problems = new Problems();
      await lockDependencies(tx);
      const image = await lockImage(tx, session, uid, 'image:delete', 'live', problems);
      if (!canMove(image.status, 'DELETED')) {
        refuse('IN_USE', ['id'], `the image is ${image.status}: cancel the build that makes it first`, {
          status: image.status,
          ...(image.sourceBuildId === null ? {} : { buildId: toGlobalId('ImageBuild', image.sourceBuildId) }),
        });
      }
      if (isLive(image.status)) {
        const self = { ...(await nameOf(tx, image)), id: image.id };
        const advice = force ? 'they have lost it' : 'delete those first, or set force';
        await checkNotNeeded(kysely(tx), session, self, ['id'], advice, problems);
        if (!force) problems.refuseIfAny();
      }
      const warnings = problems.all.map(({ message }) => message);
      recordEdit(image, ['status']);
      moveToDeleted(image, image.updatedAt);
      return { image, warnings };
    });
  }

  /** Brings a deleted image back to the status that it had. */
  async restore(session: Session, uid: string | null): Promise<Changed> {
    let wanted: Image | null = null;
    try {
      return await this.writes.run(async (tx) => {
        const problems = new Problems();
        const warnings: string[] = [];
        await lockDependencies(tx);
        const image = await lockImage(tx, session, uid, 'image:delete', 'deleted', problems);
        wanted = image;
        const status = image.statusBefore ?? 'ACTIVE';
        if (isLive(status)) {
          const taken = await findLive(tx, image.namespaceId, image);
          if (taken !== null) problems.add(...nameTaken(taken, ['id']));
          const self = await nameOf(tx, image);
          const dependencies = await readDependenciesOf(tx, image.id);
          await checkCycle(kysely(tx), self, dependencies, () => ['id'], problems);
          warnings.push(...(await lostDependencies(kysely(tx), session, self, dependencies)));
          const { namespaceId, workspaceId } = image;
          const paths = { namespace: ['id'], workspace: ['id'] };
          await this.quotas.takeRoom(tx, [{ namespaceId, workspaceId, images: 1 }], problems, paths);
        }
        problems.refuseIfAny();
        recordEdit(image, ['status']);
        image.status = status;
        // It may say which build has taken its place.
        if (status === 'ACTIVE') image.statusMessage = null;
        image.statusBefore = null;
        image.deletedAt = null;
        await tx.flush();
        return { image, warnings };
      });
    } catch (error) {
      if (!isTaken(error, 'image_catalogue_name') || wanted === null) throw error;
      const { name, tag } = wanted as Image;
      return refuse(...nameTaken({ name, tag }, ['id']));
    }
  }

  /**
   * Removes a deleted image for good.
   *
   * @param removeFromRegistry the platform's own registry loses it too, unless another image of the catalogue needs it there
   * @returns the image as it was, and whether something was removed from the registry
   * @throws UnavailableError the registry does not answer; nothing was changed then
   */
  async purge(
    session: Session,
    uid: string | null,
    removeFromRegistry: boolean,
  ): Promise<Changed & { readonly removedFromRegistry: boolean }> {
    return await this.writes.run(
      async (tx) => {
        const problems = new Problems();
        const image = await lockImage(tx, session, uid, 'image:purge', 'deleted', problems);
        const warnings: string[] = [];
        // The registry first: if the row were gone and the registry failed, nobody would know what is left there.
        const removedFromRegistry =
          removeFromRegistry && (await this.#removeFromRegistry(tx, session, image, warnings));
        tx.remove(image);
        await tx.flush();
        return { image, removedFromRegistry, warnings };
      },
      removeFromRegistry ? 'LONG' : 'SHORT',
    );
  }

  async #removeFromRegistry(
    tx: EntityManager,
    session: Session,
    image: Image,
    warnings: string[],
  ): Promise<boolean> {
    const { registry } = this;
    const path = ['removeFromRegistry'];
    if (registry === null || !isSameRegistry(image.registryHost, registry.host)) {
      const allowed = registry === null ? [] : [registry.host];
      const message = `this server removes nothing from ${image.registryHost}; leave removeFromRegistry out`;
      return refuse('REGISTRY_NOT_ALLOWED', path, message, { allowed });
    }
    await this.#checkOwner(tx, session, image.repository);
    if (image.digest === null) {
      warnings.push('its digest is not known, so nothing was removed from the registry');
      return false;
    }
    const tag = tagOfReference(image.reference);
    if (tag === null) {
      warnings.push('its reference names no tag, so nothing was removed from the registry');
      return false;
    }
    const { repository, digest } = image;
    // From here on no build begins to push there, and who purges the same one finds this one gone.
    await lockRepository(tx, repository);
    const buildId = await this.pushes.pushing(tx, `${registry.host}/${repository}`);
    if (buildId !== null) {
      const message = 'a build is pushing to the same repository: wait until it has ended, or cancel it';
      return refuse('IN_USE', path, message, { buildId: toGlobalId('ImageBuild', buildId) });
    }
    const place = { registryHost: registry.host, repository, tag, digest };
    const shared = await sharingOf(tx, place, image.id);
    if (shared.tag) {
      warnings.push(`another image needs the tag ${tag}, so nothing was removed from the registry`);
      return false;
    }
    try {
      const removed = await registry.removeTag(repository, tag, digest, {
        manifestMayGo: !shared.manifest,
      });
      if (removed === 'KEPT') warnings.push('other images are the same, so the registry still holds it');
      else if (removed === null)
        warnings.push(`the registry has no such image under the tag ${tag} any more`);
      return removed === 'TAG' || removed === 'MANIFEST';
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      if (error.reason === 'DELETE_NOT_ALLOWED') {
        return refuse(
          'NOT_ALLOWED',
          path,
          'the registry lets nothing be removed; leave removeFromRegistry out',
        );
      }
      throw new UnavailableError('The registry does not answer as it should; try again in a while.', {
        cause: error,
      });
    }
  }

  /** A row of the catalogue may show what belongs to others: the registry's part goes by the namespace in its path. */
  async #checkOwner(tx: EntityManager, session: Session, repository: string): Promise<void> {
    const owner = repository.slice(0, Math.max(0, repository.indexOf('/')));
    const namespace = await tx.findOne(Namespace, { name: owner });
    const isOwner =
      namespace === null ? session.can('registry:remove-unowned') : session.can('image:purge', namespace.id);
    if (isOwner && owner !== PLATFORM_NAMESPACE) return;
    const message = `what lies below ${owner || 'no namespace'} in the registry is not yours to remove`;
    refuse('NOT_ALLOWED', ['removeFromRegistry'], message);
  }
}

async function nameOf(tx: EntityManager, { namespaceId, name, tag }: Image): Promise<ImageName> {
  const namespace = await tx.findOneOrFail(Namespace, { id: namespaceId });
  return { namespace: namespace.name, name, tag };
}
