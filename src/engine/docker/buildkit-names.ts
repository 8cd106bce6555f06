import type { ParsedDockerfile } from '../../shared/dockerfile.ts';

/** The vertices in which BuildKit asks a registry for an image before a step can begin: of a stage's base, and of a `COPY --from`. */
export const FETCH = /^(?:\[internal\] load metadata for|FROM) (\S+)/;

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
