import type { RegistryCredentials } from '../../engine/container-engine.ts';
import { EngineError } from '../../engine/container-engine.ts';
import { buildLabel, type Recipe } from './recipe.ts';

/** Builds a Dockerfile with its files on the engine. */
export function createDockerfileRecipe(options: {
  readonly builder: 'auto' | 'classic' | 'buildkit';
  /** For pulling bases from the platform's own registry, by host. */
  readonly registryAuths: Readonly<Record<string, RegistryCredentials>>;
}): Recipe {
  return async (build, { engine, log, enter, step, totalSteps, signal }) => {
    if (build.dockerfile === null || build.source === null) {
      throw new Error(`build ${build.id} has no Dockerfile`);
    }
    await enter('BUILDING');
    const events = engine.build(
      {
        dockerfile: build.dockerfile,
        files: build.source.files.map(({ path, content, mode }) => ({
          path,
          content: Buffer.from(content, 'base64'),
          mode,
        })),
        buildArgs: build.source.buildArgs,
        target: build.source.target,
        noCache: build.source.noCache,
        builder: options.builder,
        labels: buildLabel(build),
        registryAuths: options.registryAuths,
        secrets: {},
        limits: { memoryBytes: null, cpus: null },
      },
      { signal },
    );
    for await (const event of events) {
      switch (event.kind) {
        case 'total':
          totalSteps(event.steps);
          break;
        case 'step':
          step(event.step);
          break;
        case 'log':
          await log.append(event.stream, event.step, event.data, event.at);
          break;
        case 'clipped':
          await log.gap(event.step, event.at);
          await log.say('The engine cut the output of this step here: lines are missing.');
          break;
        case 'warning':
          await log.say(`Warning: ${event.message}`);
          break;
        case 'result':
          return { imageId: event.imageId };
      }
    }
    throw new EngineError('INTERNAL', 'the engine ended the build without an image');
  };
}
