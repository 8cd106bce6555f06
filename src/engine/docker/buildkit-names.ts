import type { ParsedDockerfile } from '../../shared/dockerfile.ts';

/** E.g. `[build 1/3] FROM docker.io/library/ubuntu:22.04@sha256:…`, and without the brackets for a `COPY --from`. */
const FETCH = /^(?:(\[internal\] load metadata for)|(?:\[[^\]]*\] )?FROM) (\S+)/;

/** The image for which a vertex asks a registry, and whether only for its metadata; `null` for any other vertex. */
export function fetchOf(vertex: string): { readonly image: string; readonly isMetadata: boolean } | null {
  const [, metadata, image] = FETCH.exec(vertex) ?? [];
  return image === undefined ? null : { image, isMetadata: metadata !== undefined };
}

/** The first use of an image that BuildKit speaks of; `null` where the Dockerfile has none. */
export function baseImageNamed(
  { baseImages }: ParsedDockerfile,
  full: string,
): ParsedDockerfile['baseImages'][number] | null {
  return baseImages.find(({ reference }) => reference !== null && isSameImage(full, reference)) ?? null;
}

/** Does BuildKit's full name, `docker.io/library/ubuntu:1`, stand for the reference as it was written? */
function isSameImage(full: string, written: string): boolean {
  const short = full.replace(/^docker\.io\//, '').replace(/^library\//, '');
  return [full, short].some((name) => name === written || name.replace(/:latest(?=@|$)/, '') === written);
}
