import { setTimeout as sleep } from 'node:timers/promises';
import { type ContainerDetails, EngineError } from '../../../engine/container-engine.ts';
import type { Build } from '../../build.entity.ts';
import { HELD_WAIT_MS } from '../notebook-hold.ts';
import type { Interruption, RecipeTools } from './recipe.ts';

const LOOK_MS = 500;

type Notebook = Pick<Build, 'containerId'>;
type ReturnTools = Pick<RecipeTools, 'engine' | 'hold' | 'signal'> & {
  readonly log: Pick<RecipeTools['log'], 'say'>;
};

/**
 * A build's notebook, running. One that an earlier attempt of this build left paused is waited for, and resumed in the end; one that
 * somebody else paused is left alone.
 *
 * @param waitMs how long the engine may take to let it go on by itself
 * @throws EngineError `NOTEBOOK_GONE` or `NOTEBOOK_NOT_RUNNING`
 */
export async function runningNotebook(
  { containerId }: Notebook,
  tools: ReturnTools,
  waitMs = HELD_WAIT_MS,
): Promise<ContainerDetails> {
  const { engine, hold, signal } = tools;
  let container = containerId === null ? null : await engine.container(containerId, { signal });
  if (hold.since !== null) {
    if (container?.state === 'paused') container = await comeBack(container, tools, waitMs);
    hold.end(new Date());
  }
  if (container === null) {
    const message = 'the notebook is gone: its container was removed, and what it had written with it';
    throw new EngineError('NOTEBOOK_GONE', message);
  }
  if (container.state === 'paused') {
    const message = 'the notebook is paused, and not by this build; resume it and save again';
    throw new EngineError('NOTEBOOK_NOT_RUNNING', message);
  }
  if (container.state !== 'running') {
    throw new EngineError(
      'NOTEBOOK_NOT_RUNNING',
      `the notebook is ${container.state}; start it and save again`,
    );
  }
  return container;
}

/** Waits until a paused notebook goes on, and resumes it where that takes too long or nobody waits for it any more. */
async function comeBack(
  { id }: ContainerDetails,
  { engine, log, hold, signal }: ReturnTools,
  waitMs: number,
): Promise<ContainerDetails | null> {
  await log.say(
    `The notebook still stands still: the engine may be at what an earlier attempt began. Waiting up to ${waitMs / 1000} s for it to go on.`,
  );
  const lastLook = Date.now() + waitMs;
  try {
    while (Date.now() < lastLook) {
      await sleep(LOOK_MS, undefined, { signal });
      const container = await engine.container(id, { signal });
      if (container?.state !== 'paused') return container;
    }
  } catch (error) {
    if (signal.aborted && signal.reason !== ('lost' satisfies Interruption)) {
      await engine.resume(id);
      hold.end(new Date());
    }
    throw error;
  }
  await engine.resume(id, { signal });
  await log.say('It did not go on by itself and was resumed.');
  return await engine.container(id, { signal });
}
