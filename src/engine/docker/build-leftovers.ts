import type { Logger } from '../../shared/logger.ts';
import { inspectContainer } from './docker-container.ts';
import { orNull } from './docker-errors.ts';
import type { EngineConnection } from './engine-connection.ts';

/**
 * The classic builder gives its containers no labels (Docker 20.10: `Labels: {}`), and those of the finished image are
 * inherited by every container that somebody starts from it, so labels cannot tell a build's leftovers. What it does put
 * on each of its containers is the build's extra hosts: a label goes there as a name in the reserved domain `.invalid`.
 * It has no part in the builder's cache.
 */
const SUFFIX = '.slipway.invalid';
const ADDRESS = '127.0.0.1';
/** An engine that is busy with one container does not tell of it. */
const LOOK_MS = 5_000;

/** The `extrahosts` of a build that mark its containers with labels. */
export function markerHosts(labels: Readonly<Record<string, string>>): string[] {
  return Object.entries(labels).map(
    ([label, value]) => `${Buffer.from(`${label}=${value}`).toString('hex')}${SUFFIX}:${ADDRESS}`,
  );
}

/** The labels that a container was marked with. */
export function markedLabels(extraHosts: readonly string[]): Map<string, string> {
  const labels = new Map<string, string>();
  for (const host of extraHosts) {
    const name = host.slice(0, host.indexOf(':'));
    if (!name.endsWith(SUFFIX)) continue;
    const [label = '', ...value] = Buffer.from(name.slice(0, -SUFFIX.length), 'hex')
      .toString('utf8')
      .split('=');
    labels.set(label, value.join('='));
  }
  return labels;
}

/**
 * Removes every container of a build marked with `label` for whose value `isLeftover` answers true; how many they were. One that the
 * engine cannot tell of or take away now is left for another time.
 */
export async function reapContainers(
  engine: EngineConnection,
  label: string,
  isLeftover: (value: string) => Promise<boolean>,
  log: Logger,
): Promise<number> {
  const containers = await engine.ask((docker, abortSignal) =>
    docker.listContainers({ all: true, abortSignal }),
  );
  let count = 0;
  for (const { Id } of containers) {
    try {
      const found = await inspectContainer(engine, Id, AbortSignal.timeout(LOOK_MS));
      const value = markedLabels(found?.HostConfig.ExtraHosts ?? []).get(label);
      if (value === undefined || !(await isLeftover(value))) continue;
      await engine.ask((docker, abortSignal) =>
        orNull(docker.getContainer(Id).remove({ force: true, v: true, abortSignal })),
      );
      count += 1;
    } catch (error) {
      log.warn({ err: error, container: Id }, 'a container that may be left over was passed over');
    }
  }
  return count;
}
