import type { Session } from '../../auth/session.ts';
import type { EntityManager } from '../../db/orm.ts';
import { type ImageRegistry, RegistryError, type RegistryImage } from '../../registry/image-registry.ts';
import type { RegistryDirectory } from '../../registry/registry-directory.ts';
import type { Architecture } from '../../shared/enums.ts';
import { UnavailableError } from '../../shared/errors.ts';
import { excerpt } from '../../shared/excerpt.ts';
import type { Problems } from '../../shared/problems.ts';
import { ociArchitectureOf } from '../image.rules.ts';
import type { ImageService } from '../image.service.ts';
import type { NamedReference } from '../image-name.rules.ts';

/** May a reference stand in the catalogue, and what does its registry say about it? */
export class ImageVerification {
  constructor(
    private readonly images: ImageService,
    /** The platform's own; `null` on a server without one. */
    private readonly registry: ImageRegistry | null,
    private readonly registries: RegistryDirectory,
  ) {}

  /**
   * Checks references to the platform's own registry: they take the right to use it, since whoever may read the catalogue's
   * row may use it from then on.
   *
   * @param em a transaction's inside of one
   * @returns the repositories that the viewer may not use
   */
  async unusable(
    session: Session,
    references: readonly NamedReference[],
    em?: EntityManager,
  ): Promise<ReadonlySet<string>> {
    const own = references.filter(({ registryHost }) => this.isOwn(registryHost));
    const repositories = [...new Set(own.map(({ repository }) => repository))];
    if (repositories.length === 0) return new Set();
    const usable = await this.images.usableRepositories(session, repositories, em);
    return new Set(repositories.filter((repository) => !usable.has(repository)));
  }

  isOwn(registryHost: string): boolean {
    return this.registry !== null && this.registries.readerOf(registryHost) === this.registry;
  }

  /** Gives the platform's own registry the one spelling by which quotas count it; `reference` stays as it was written. */
  withOwnHost<R extends NamedReference>(named: R): R {
    const isOwn = this.registry !== null && this.isOwn(named.registryHost);
    return isOwn ? { ...named, registryHost: this.registry.host } : named;
  }

  /**
   * Checks a reference against its registry. The platform's own is only asked about what the viewer may use: its answer would
   * tell them of images of others.
   *
   * @param asked whether the registry is asked, else only the viewer's right is looked at; and of an index, for which architecture
   * @returns what the registry has; `GONE` where it does not know the reference, which is no problem yet: see
   *   {@link addUnknown}; `null` where it was not asked, or where a problem keeps it from answering
   * @throws UnavailableError the registry does not answer
   */
  async look(
    session: Session,
    reference: NamedReference,
    asked: {
      readonly verify?: boolean | null | undefined;
      readonly architecture?: Architecture | null | undefined;
    },
    warnings: string[],
    problems: Problems,
  ): Promise<RegistryImage | 'GONE' | null> {
    const { registryHost, repository, digest, tagInRegistry } = reference;
    const unknown = unknownMessage(reference);
    if ((await this.unusable(session, [reference])).size > 0) {
      addUnknown(reference, problems);
      return null;
    }
    if (asked.verify !== true) return null;
    const architecture = asked.architecture ? ociArchitectureOf(asked.architecture) : undefined;
    try {
      const registry = this.registries.readerOf(registryHost);
      const found = await registry.manifest(repository, digest ?? tagInRegistry, { architecture });
      if (found === null) return 'GONE';
      if (architecture !== undefined && found.architecture !== null && found.architecture !== architecture)
        warnings.push(
          `the registry has this image for ${found.architectures.join(', ')}, not for ${architecture}`,
        );
      return found;
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      switch (error.reason) {
        case 'NOT_ALLOWED':
          problems.add(
            'REGISTRY_NOT_ALLOWED',
            ['reference'],
            `this server cannot find ${excerpt(registryHost)}, or may not ask it; mend the name, leave verify out, or have the operator allow it`,
          );
          return null;
        case 'DENIED':
          problems.add('REFERENCE_NOT_FOUND', ['reference'], `${unknown}: it is private, or not there`);
          return null;
        case 'PROTOCOL':
          problems.add(
            'REFERENCE_NOT_FOUND',
            ['reference'],
            `what ${excerpt(registryHost)} has there is no image that can be read`,
          );
          return null;
        case 'REGISTRY_UNAVAILABLE':
        case 'DELETE_NOT_ALLOWED':
          throw new UnavailableError(
            'The registry does not answer as it should; try again in a while, or without verify.',
            { cause: error },
          );
      }
    }
  }
}

const unknownMessage = ({ reference }: NamedReference) =>
  `the registry has no ${excerpt(reference)} that you may use`;

/** Refuses a reference that its registry does not know. */
export function addUnknown(reference: NamedReference, problems: Problems): void {
  problems.add('REFERENCE_NOT_FOUND', ['reference'], unknownMessage(reference));
}
