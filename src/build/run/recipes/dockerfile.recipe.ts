import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BuildRequest,
  type BuildStep,
  EngineError,
  type RegistryCredentials,
} from '../../../engine/container-engine.ts';
import type { Build } from '../../build.entity.ts';
import { looksSecret } from '../../dockerfile/dockerfile-secret.rules.ts';
import { limitsOf } from '../../request/build-resource.rules.ts';
import type { RequestSecrets } from '../../request/build-secrets.ts';
import { LogMask } from '../build-log-mask.ts';
import { buildLabel, type Recipe, type RecipeTools } from './recipe.ts';

/** Bases that cannot be pulled for a passing reason are tried again after these pauses. */
const PULL_PAUSES_MS = [2000, 5000, 10_000];

/** Builds a Dockerfile with its files on the engine. */
export function createDockerfileRecipe(options: {
  readonly builder: 'auto' | 'classic' | 'buildkit';
  /** What any build may use. */
  readonly most: BuildRequest['limits'];
  /** For pulling bases from the platform's own registry, by host. */
  readonly registryAuths: Readonly<Record<string, RegistryCredentials>>;
  readonly sourceOf: (buildId: string) => Promise<Pick<Build, 'dockerfile' | 'source'>>;
  readonly secretsOf: (buildId: string) => Promise<RequestSecrets>;
}): Recipe {
  return async (build, tools) => {
    const [{ dockerfile, source }, given] = await Promise.all([
      options.sourceOf(build.id),
      options.secretsOf(build.id),
    ]);
    if (dockerfile === null || source === null) throw new Error(`build ${build.id} has no Dockerfile`);
    const request: BuildRequest = {
      dockerfile,
      files: source.files.map(({ path, content, mode }) => ({
        path,
        content: Buffer.from(content, 'base64'),
        mode,
      })),
      buildArgs: source.buildArgs,
      target: source.target,
      noCache: source.noCache,
      builder: options.builder,
      labels: buildLabel(build),
      registryAuths: { ...options.registryAuths, ...Object.fromEntries(given.registryAuths) },
      secrets: Object.fromEntries(given.secrets),
      limits: limitsOf(build.resource, options.most),
    };
    const log = new MaskedLog(tools.log, new LogMask(secretTexts(request)));
    tools.pass('BUILDING');
    for (let tried = 0; ; tried += 1) {
      try {
        return { imageId: await buildOnce(request, tools, log) };
      } catch (error) {
        const pause = PULL_PAUSES_MS[tried];
        if (!isRegistryAway(error) || pause === undefined) throw error;
        await log.say(`${error.message} Trying again in ${pause / 1000} s.`);
        await sleep(pause, undefined, { signal: tools.signal });
      }
    }
  };
}

/** @returns the image's id */
async function buildOnce(request: BuildRequest, tools: RecipeTools, log: MaskedLog): Promise<string> {
  try {
    for await (const event of tools.engine.build(request, { signal: tools.signal })) {
      switch (event.kind) {
        case 'builder':
          tools.builder(event.builder);
          if (!event.enforcesLimits) {
            await log.say('Warning: this builder does not hold steps to limits of CPU and memory.');
          }
          break;
        case 'total':
          tools.totalSteps(event.steps);
          break;
        case 'step':
          tools.step(log.maskedStep(event.step));
          if (event.step.status !== 'RUNNING') await log.endStep(event.step.number);
          break;
        case 'log':
          await log.append(event.stream, event.step, event.data, event.at);
          break;
        case 'clipped':
          await log.gap(event.step, event.at);
          break;
        case 'warning':
          await log.say(`Warning: ${event.message}`);
          break;
        case 'result':
          return event.imageId;
      }
    }
  } catch (error) {
    throw log.maskedError(error);
  } finally {
    await log.end();
  }
  throw new EngineError('INTERNAL', 'the engine ended the build without an image');
}

/** A registry of a base image is away: the one reason of a build, and not of a push, that passes by itself. */
function isRegistryAway(error: unknown): error is EngineError {
  return error instanceof EngineError && error.reason === 'REGISTRY_UNAVAILABLE';
}

/** Everything of a build that its log must not show: what is secret by its place, and by its name. */
function* secretTexts({ secrets, registryAuths, buildArgs }: BuildRequest): Iterable<string> {
  yield* Object.values(secrets);
  for (const { password } of Object.values(registryAuths)) yield password;
  for (const [name, value] of Object.entries(buildArgs)) if (looksSecret(name, value)) yield value;
}

/** A build's log whose lines pass a mask first. */
class MaskedLog {
  readonly #streams = new Map<
    string,
    { readonly stream: 'STDOUT' | 'STDERR'; readonly step: number | null; at: Date }
  >();

  /** The steps of which it has been said that bytes are missing. */
  readonly #cut = new Set<number | null>();

  constructor(
    private readonly log: RecipeTools['log'],
    private readonly mask: LogMask,
  ) {}

  async append(stream: 'STDOUT' | 'STDERR', step: number | null, data: Uint8Array, at: Date): Promise<void> {
    const key = `${stream} ${step}`;
    this.#streams.set(key, { stream, step, at });
    await this.log.append(stream, step, this.mask.mask(key, data), at);
  }

  async say(text: string): Promise<void> {
    await this.log.say(this.mask.maskText(text));
  }

  /** The mask keeps what it holds back: of the classic builder no bytes are missing then, but only their values. */
  async gap(step: number | null, at: Date): Promise<void> {
    await this.log.gap(step, at);
    if (this.#cut.has(step)) return;
    this.#cut.add(step);
    await this.say(
      'The engine did not give all bytes of this step: U+FFFD stands for some, or lines are missing.',
    );
  }

  /** It prints no more: what has no newline at its end is written before what comes next. */
  async endStep(step: number): Promise<void> {
    await this.#release(step);
    this.log.endStep(step);
  }

  async #release(step: number | null): Promise<void> {
    for (const key of this.mask.held) {
      const from = this.#streams.get(key);
      if (from === undefined || from.step !== step) continue;
      await this.log.append(from.stream, from.step, this.mask.release(key), from.at);
    }
  }

  /** Nothing more is printed at all. */
  async end(): Promise<void> {
    for (const { step } of this.#streams.values()) await this.#release(step);
    await this.log.finish();
  }

  maskedStep(step: BuildStep): BuildStep {
    const { mask } = this;
    return { ...step, name: mask.maskText(step.name), error: step.error && mask.maskText(step.error) };
  }

  maskedError(error: unknown): unknown {
    if (!(error instanceof EngineError)) return error;
    const message = this.mask.maskText(error.message);
    const { step, line, exitCode, cause } = error;
    const maskedCause = cause instanceof Error ? new Error(this.mask.maskText(cause.message)) : undefined;
    return new EngineError(error.reason, message, { step, line, exitCode, cause: maskedCause });
  }
}
