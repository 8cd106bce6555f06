import { type DockerfileInstruction, needsBuildKit, type ParsedDockerfile } from '../../shared/dockerfile.ts';
import { type BuildRequest, EngineError, type EngineInfo } from '../container-engine.ts';

export type BuilderKind = 'CLASSIC' | 'BUILDKIT' | 'PODMAN';

/** Which of the engine's builders a build goes to. */
export function chooseBuilder(
  info: EngineInfo,
  { builder }: Pick<BuildRequest, 'builder'>,
  dockerfile: ParsedDockerfile,
): BuilderKind {
  if (info.name === 'Podman') return 'PODMAN';
  if (!info.builders.includes('BUILDKIT')) return 'CLASSIC';
  return builder === 'buildkit' || (builder === 'auto' && needsBuildKit(dockerfile)) ? 'BUILDKIT' : 'CLASSIC';
}

/** The first major versions whose builders read here-documents. */
const HEREDOCS_SINCE: Readonly<Record<BuilderKind, number>> = { CLASSIC: Infinity, BUILDKIT: 23, PODMAN: 5 };

/**
 * Refuses what the builder does not know and would not say so.
 *
 * An older engine takes the lines of a here-document for instructions, which no check has seen as such: `RUN <<CMD`,
 * `ADD http://…`, `CMD` builds there. So it never gets to read one. And Podman would look for a secret among its own.
 *
 * @throws EngineError DOCKERFILE_INVALID, with the line
 */
export function refuseUnknownSyntax(
  info: EngineInfo,
  builder: BuilderKind,
  { instructions }: ParsedDockerfile,
): void {
  const refuse = ({ number, line }: DockerfileInstruction, message: string) =>
    new EngineError('DOCKERFILE_INVALID', message, { step: number, line });
  const heredoc = instructions.find(({ heredocs }) => heredocs.length > 0);
  if (heredoc && Number.parseInt(info.version, 10) < HEREDOCS_SINCE[builder]) {
    throw refuse(heredoc, `This container engine (${info.name} ${info.version}) knows no here-documents.`);
  }
  const secret = instructions.find(mountsSecret);
  if (secret && builder !== 'BUILDKIT') {
    const why = info.builders.includes('BUILDKIT')
      ? 'but this build was to use the classic builder'
      : `which this container engine (${info.name} ${info.version}) does not have`;
    throw refuse(secret, `RUN --mount=type=secret on line ${secret.line} needs BuildKit, ${why}.`);
  }
}

/** Does the instruction ask for a secret? */
export function mountsSecret({ keyword, flags }: DockerfileInstruction): boolean {
  return (
    keyword === 'RUN' &&
    flags.some(({ name, value }) => name === 'mount' && /(?:^|,)\s*"?type=secret\b/i.test(value))
  );
}
