/** PORT: reading an OCI registry, whichever it is. */
export interface RegistryReader {
  /** `host[:port]`, as it stands in references. */
  readonly host: string;
  /**
   * What a tag or digest names; `null` where the registry does not know it.
   *
   * @throws RegistryError nothing else; it says `DENIED` where the image is private, and on registries such as Docker Hub
   *   also where there is none
   */
  manifest(repository: string, tagOrDigest: string, options?: ReadOptions): Promise<RegistryImage | null>;
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * The OCI word of the processor whose image of an index is read. Absent, or not in the index: this machine's, else
   * `amd64`, else the first one for Linux, else the first.
   */
  readonly architecture?: string | undefined;
}

/**
 * PORT: the platform's own OCI registry as the distribution specification describes it, as far as the catalogue needs it.
 *
 * For the one who implements it: every method has its own deadline and rejects with a {@link RegistryError} only.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
export interface ImageRegistry extends RegistryReader {
  /**
   * Takes a tag away for good, while it still points to `digest`: a tag that was pushed anew is another's image. Nothing in
   * the specification makes check and removal one step, so the caller keeps pushes to this tag out meanwhile.
   *
   * @returns what became of it:
   *   - `TAG`: the tag alone is gone, which registries of OCI 1.1 can do; the manifest stays until their garbage collection
   *   - `MANIFEST`: the registry removes manifests only, so that is gone, and with it every other tag of the same digest
   *   - `KEPT`: nothing has changed, since the registry removes manifests only and `manifestMayGo` is false
   *   - `null`: nothing has changed, since there is no such tag any more, or it points to another digest
   * @throws RegistryError `DELETE_NOT_ALLOWED`: the registry removes nothing, or nothing for our account
   */
  removeTag(
    repository: string,
    tag: string,
    digest: string,
    options: {
      /** `true`: no other image that is needed has this repository and digest, under whatever tag. */
      readonly manifestMayGo: boolean;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<'TAG' | 'MANIFEST' | 'KEPT' | null>;
  /** Does the registry answer? */
  ping(options?: { readonly signal?: AbortSignal | undefined }): Promise<boolean>;
}

export interface RegistryImage {
  /** The digest of what was named, `sha256:…`: the manifest's own or, for several platforms, the index's. */
  readonly digest: string;
  /** Compressed layers and configuration together, in bytes: what a pull transfers. */
  readonly sizeBytes: number;
  readonly layers: readonly {
    readonly digest: string;
    readonly sizeBytes: number;
    readonly mediaType: string;
  }[];
  /** The OCI word, e.g. `amd64`; `null` where the configuration does not say. Size and layers are of this one. */
  readonly architecture: string | null;
  /** The OCI words of all that an index holds, each once, in its order; of a plain manifest its own, if it says so. */
  readonly architectures: readonly string[];
  /** The digest of the image's configuration, which is the engine's image id. */
  readonly configDigest: string;
}

/**
 * - `REGISTRY_UNAVAILABLE` it does not answer in time, or with 429 or 5xx: later it may
 * - `DENIED` it refuses the access, with our credentials or without any
 * - `NOT_ALLOWED` nothing was asked: the host has no public address and is not on the operator's list, or it sends on to
 *   such a one
 * - `DELETE_NOT_ALLOWED` it removes nothing, or nothing for our account
 * - `PROTOCOL` it answers, with something that is no image
 */
export type RegistryErrorReason =
  | 'REGISTRY_UNAVAILABLE'
  | 'DENIED'
  | 'NOT_ALLOWED'
  | 'DELETE_NOT_ALLOWED'
  | 'PROTOCOL';

/** The message names no host but the one in the reference, and no address. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  constructor(
    readonly reason: RegistryErrorReason,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
