import { parseDockerfile } from '../../shared/dockerfile.ts';
import { checkDockerfile, type DockerfileCheckOptions, type DockerfileProblem } from './dockerfile.rules.ts';

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
export function reportOnDockerfile(text: string, options: DockerfileCheckOptions): DockerfileReport {
  const { stages, instructions, baseImages } = parseDockerfile(text, options.buildArgs ?? {});
  const problems = checkDockerfile(text, options);
  return {
    valid: problems.every(({ severity }) => severity !== 'ERROR'),
    stages: stages.length,
    steps: instructions.filter(({ stageIndex }) => stageIndex !== null).length,
    baseImages: [...new Set(baseImages.map(({ reference, written }) => reference ?? written))],
    problems,
  };
}
