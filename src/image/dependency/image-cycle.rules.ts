/** An image on the search's way, or one that it has left. */
interface Visit {
  readonly name: string;
  readonly targets: readonly string[];
  /** Which of the targets is next. */
  next: number;
  readonly order: number;
  /** The earliest one that can be reached from here and is open. */
  lowest: number;
  /** Not known yet to which circle it belongs. */
  isOpen: boolean;
}

/**
 * Finds what needs itself over others: the strongly connected components of more than one member, by Tarjan's algorithm, each
 * image and each dependency looked at once.
 *
 * @param graph what each image depends on, by their names
 * @returns for each image on a circle a number that is the same for all of the circles that hang together
 */
export function* circlesOf(
  graph: ReadonlyMap<string, readonly string[]>,
): Generator<void, ReadonlyMap<string, number>> {
  const circles = new Map<string, number>();
  const visits = new Map<string, Visit>();
  const open: Visit[] = [];
  const enter = (name: string, targets: readonly string[]): Visit => {
    const order = visits.size;
    const visit = { name, targets, next: 0, order, lowest: order, isOpen: true };
    visits.set(name, visit);
    open.push(visit);
    return visit;
  };
  for (const [name, needed] of graph) {
    // Not by recursion: a chain may be longer than the stack is deep.
    const way = visits.has(name) ? [] : [enter(name, needed)];
    for (let at = way.at(-1); at !== undefined; at = way.at(-1)) {
      yield;
      const target = at.targets[at.next++];
      if (target !== undefined) {
        const seen = visits.get(target);
        const targets = graph.get(target);
        if (seen === undefined && targets !== undefined) way.push(enter(target, targets));
        else if (seen?.isOpen) at.lowest = Math.min(at.lowest, seen.order);
        continue;
      }
      way.pop();
      const before = way.at(-1);
      if (before !== undefined) before.lowest = Math.min(before.lowest, at.lowest);
      if (at.lowest < at.order) continue;
      const members = open.splice(open.lastIndexOf(at));
      for (const member of members) {
        member.isOpen = false;
        if (members.length > 1) circles.set(member.name, at.order);
      }
    }
  }
  return circles;
}
