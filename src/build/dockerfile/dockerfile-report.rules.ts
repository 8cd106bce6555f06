import { parseDockerfile } from '../../shared/dockerfile.ts';
import { checkDockerfile, type DockerfileProblem } from './dockerfile.rules.ts';
import type { BaseRegistries } from './dockerfile-host.rules.ts';

/** What a Dockerfile would build, and everything that is wrong with it. */
export interface DockerfileReport {
  readonly valid: boolean;
  readonly stages: number;
  /** Instructions from the first FROM on. */
  readonly steps: number;
  readonly baseImages: readonly string[];
  readonly problems: readonly DockerfileProblem[];
}

/** Looks at a Dockerfile without building it. PURE. */
export function reportOnDockerfile(
  text: string,
  buildArgs: Readonly<Record<string, string>>,
  registries?: BaseRegistries,
): DockerfileReport {
  const { stages, instructions, baseImages } = parseDockerfile(text, buildArgs);
  const problems = checkDockerfile(text, { buildArgs, ...(registries && { registries }) });
  return {
    valid: problems.every(({ severity }) => severity !== 'ERROR'),
    stages: stages.length,
    steps: instructions.filter(({ stageIndex }) => stageIndex !== null).length,
    baseImages: [...new Set(baseImages.map(({ reference, written }) => reference ?? written))],
    problems,
  };
}
