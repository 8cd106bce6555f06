import { type ImageName, isSameName, printImageName } from './image-dependency.rules.ts';

/** A step on the way, and the one before it; the first has none. */
interface Step {
  readonly name: ImageName;
  readonly before: Step | null;
}

/**
 * The shortest way from an image over what it depends on back to itself.
 *
 * @param targets what it depends on; itself among them is no way
 * @param graph what others depend on, by their names as they are printed; what is said there of the image itself does not count
 * @returns the image's own name at both ends; `null`: no way leads back
 */
export function shortestWayBack(
  self: ImageName,
  targets: readonly ImageName[],
  graph: ReadonlyMap<string, readonly ImageName[]>,
): readonly ImageName[] | null {
  const start: Step = { name: self, before: null };
  const seen = new Set([printImageName(self)]);
  const steps: Step[] = [];
  const go = (from: Step, to: readonly ImageName[]) => {
    for (const name of to) {
      if (seen.has(printImageName(name))) continue;
      seen.add(printImageName(name));
      steps.push({ name, before: from });
    }
  };
  go(start, targets);
  // Grows while it is walked: those of one distance stand before those of the next.
  for (const step of steps) {
    const needed = graph.get(printImageName(step.name)) ?? [];
    if (needed.some((name) => isSameName(name, self))) return [...wayTo(step), self];
    go(step, needed);
  }
  return null;
}

function wayTo(step: Step): ImageName[] {
  const way: ImageName[] = [];
  for (let at: Step | null = step; at !== null; at = at.before) way.unshift(at.name);
  return way;
}
