/**
 * PORT: an OCI registry as the distribution specification describes it, as far as the catalogue needs it.
 *
 * For the one who implements it: every method has its own deadline and rejects with a {@link RegistryError} only.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
export interface ImageRegistry {
  /** `host[:port]`, as it stands in references. */
  readonly host: string;
  /** What a tag or digest names; `null` where the registry does not know it. */
  manifest(
    repository: string,
    tagOrDigest: string,
    options?: { signal?: AbortSignal },
  ): Promise<RegistryImage | null>;
  /** Does the registry answer? */
  ping(options?: { signal?: AbortSignal }): Promise<boolean>;
}

export interface RegistryImage {
  /** The manifest's own digest, `sha256:…`. */
  readonly digest: string;
  /** Compressed layers and configuration together, in bytes: what a pull transfers. */
  readonly sizeBytes: number;
  readonly layers: readonly {
    readonly digest: string;
    readonly sizeBytes: number;
    readonly mediaType: string;
  }[];
  /** The OCI word, e.g. `amd64`; `null` where the configuration does not say. */
  readonly architecture: string | null;
  /** The digest of the image's configuration, which is the engine's image id. */
  readonly configDigest: string;
}

export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  constructor(
    readonly reason: 'REGISTRY_UNAVAILABLE' | 'DENIED' | 'PROTOCOL',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
