import { randomUUID } from 'node:crypto';
import type Docker from 'dockerode';
import { isHttpError, orNull } from './docker-errors.ts';
import type { EngineConnection } from './engine-connection.ts';

/**
 * Images that we made and nobody else has named carry a tag in this repository. Labels cannot tell them: they are inherited by
 * everything that is built on an image of ours, and by what the classic builder leaves between two steps of that, which
 * is its cache and may be in use. A tag is not inherited, and no pull brings it.
 */
const REPOSITORY = 'slipway-kept';
/** Podman puts its own host in front, and gives what has a tag a digest, too. */
const OURS = new RegExp(`^(?:localhost/|docker\\.io/library/)?${REPOSITORY}[:@]`);

/** Is it a name that an image has of ours, and of nobody else? */
export const isOurName = (name: string): boolean => OURS.test(name);

export interface KeptTag {
  readonly repo: string;
  readonly tag: string;
}

/** The tag that keeps an image which has no other. */
export function keepTag(imageId: string): KeptTag {
  return { repo: REPOSITORY, tag: imageId.replace(/^sha256:/, '') };
}

/**
 * A new tag, which nobody can guess, for what comes out of work with these labels; `null` without labels: nobody could ask for it to
 * be reaped.
 */
export function resultTag(labels: Readonly<Record<string, string>>): KeptTag | null {
  return Object.keys(labels).length === 0 ? null : { repo: REPOSITORY, tag: randomUUID() };
}

/** A tag as the name that a build call takes. */
export const tagName = ({ repo, tag }: KeptTag): string => `${repo}:${tag}`;

/**
 * Takes our tags from an image, and with the last one the image. One that somebody else has named stays, and so does one
 * in use: those are `kept`. `absent`: there was none.
 *
 * @param pushedAs names that a push of ours gave it
 */
export async function releaseImage(
  docker: Docker,
  id: string,
  abortSignal: AbortSignal,
  pushedAs: readonly string[] = [],
): Promise<'removed' | 'kept' | 'absent'> {
  const found = await orNull(docker.getImage(id).inspect());
  if (!found) return 'absent';
  const tags = found.RepoTags ?? [];
  const ours = tags.filter((tag) => isOurName(tag) || pushedAs.includes(tag));
  try {
    // Without pruning its parents: they are the builder's cache.
    for (const name of tags.length === 0 ? [id] : ours) {
      await orNull(docker.getImage(name).remove({ noprune: true, abortSignal }));
    }
    return ours.length === tags.length ? 'removed' : 'kept';
  } catch (error) {
    // A container runs on it, or another image was built on it: it stays, and that is nobody's fault.
    if (isHttpError(error) && error.statusCode === 409) return 'kept';
    throw error;
  }
}

/** Releases every image of ours with `label` for whose value `isLeftover` answers true; how many went. */
export async function reapImages(
  engine: EngineConnection,
  label: string,
  isLeftover: (value: string) => Promise<boolean>,
  pushedAs: (value: string) => Promise<readonly string[]>,
): Promise<number> {
  const filters = JSON.stringify({ label: [label] });
  const images = await engine.ask((docker) => docker.listImages({ filters }));
  let count = 0;
  for (const { Id, Labels, RepoTags } of images) {
    const value = Labels?.[label];
    if (value === undefined || !RepoTags?.some(isOurName) || !(await isLeftover(value))) continue;
    const names = await pushedAs(value);
    const released = await engine.ask((docker, signal) => releaseImage(docker, Id, signal, names));
    if (released === 'removed') count += 1;
  }
  return count;
}
