import { parseDockerfile } from '../../shared/dockerfile.ts';
import { parseImageReference } from '../../shared/image-reference.ts';
import { type BuildRequest, EngineError } from '../container-engine.ts';

/**
 * The Dockerfile with Docker Hub's name in front of every base image that names no registry. Podman's own API looks such a name up in
 * the machine's settings, where it may stand for another registry's image; Docker, and all our checks, take it for Docker Hub's.
 *
 * Variables stay as they are, since the engine may fill in others: `docker.io/library/` goes in front of them.
 *
 * @throws EngineError DOCKERFILE_INVALID, with the line, where a name does not stand in one piece
 */
export function withDockerHub({
  dockerfile,
  buildArgs,
}: Pick<BuildRequest, 'dockerfile' | 'buildArgs'>): string {
  const { baseImages, lines } = parseDockerfile(dockerfile, buildArgs);
  const shorts = baseImages.filter(({ reference }) => hubPrefix(reference) !== '');
  if (shorts.length === 0) return dockerfile;
  const named = [...lines];
  for (const { written, reference, instruction } of shorts) {
    const { line, endLine } = instruction.range;
    const word = new RegExp(
      `(?<=${instruction.keyword === 'FROM' ? '\\s' : '='})${written.replace(/[^\w/]/g, '\\$&')}(?=[\\s,]|$)`,
    );
    const at = named.findIndex((text, index) => index >= line - 1 && index < endLine && word.test(text));
    if (at >= 0) named[at] = named[at]?.replace(word, (found) => hubPrefix(reference) + found) ?? '';
  }
  const text = named.join('\n');
  // What was found may have been another word: what counts is what an engine reads now.
  const now = parseDockerfile(text, buildArgs).baseImages;
  const wrong = baseImages.find(
    ({ reference }, index) =>
      reference !== null && now[index]?.reference !== hubPrefix(reference) + reference,
  );
  if (wrong === undefined) return text;
  throw new EngineError(
    'DOCKERFILE_INVALID',
    `Write the image ${wrong.written} on line ${wrong.instruction.line} with its registry, in one piece: ${hubPrefix(wrong.reference)}${wrong.reference}`,
    { step: wrong.instruction.number, line: wrong.instruction.line },
  );
}

/** What is missing in front of the reference; nothing where it names its registry, or is none. */
function hubPrefix(reference: string | null): string {
  const parsed = parseImageReference(reference ?? '');
  if ('problem' in parsed || parsed.host !== null) return '';
  return parsed.path.includes('/') ? 'docker.io/' : 'docker.io/library/';
}
