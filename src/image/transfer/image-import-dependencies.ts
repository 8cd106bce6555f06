import type { Session } from '../../auth/session.ts';
import type { Db } from '../../db/tables.ts';
import type { ImportMode } from '../../shared/enums.ts';
import type { UserErrorCode } from '../../shared/problems.ts';
import { inTurns } from '../../shared/turns.ts';
import { circlesOf } from '../dependency/image-cycle.rules.ts';
import { inUse } from '../dependency/image-dependencies.ts';
import {
  type DependencyEdge,
  type Dependent,
  dependentsOfNames,
  edgesUpwards,
  resolveTargets,
} from '../dependency/image-dependency.reads.ts';
import { type ImageName, isSameName, printImageName } from '../dependency/image-dependency.rules.ts';
import type { PlannedRow } from './image-import.rules.ts';
import { fieldOfPath } from './image-list-fields.rules.ts';
import type { ImageListRow } from './image-list-reading.rules.ts';

/** How many of the images that are in the way of a new name are named. */
const SHOWN = 10;
/**
 * A row that fails leaves its image as it is, which may close a circle for another row, and so on: after so many rounds, what
 * images depend on and what they were to depend on count both, which needs one round more.
 */
const EXACT_ROUNDS = 5;

/** The document and its plan, as far as dependencies need them. */
interface Planned {
  readonly mode: ImportMode;
  readonly listed: readonly ImageListRow[];
  /** Those that can be read, also where something is wrong with them. */
  readonly read: readonly PlannedRow[];
  readonly isFailed: (row: ImageListRow) => boolean;
  readonly refuse: (row: ImageListRow, field: string | null, code: UserErrorCode, message: string) => void;
}

/** What of it the database knows. */
interface Known {
  /** Printed names that live images have which the viewer may read. */
  readonly live: ReadonlySet<string>;
  /** Who needs the names that images of the document are to lose. */
  readonly dependents: readonly Dependent[];
  /** How live images reach those rows that may close a circle. */
  readonly edges: readonly DependencyEdge[];
}

/**
 * The dependencies of an import: rows may name images of the same document, before them or after them. What an image depends on
 * already is left as it is: a catalogue in which something is missing can be imported again.
 *
 * Its steps are small: see `inTurns`. With ATOMIC all rows count as written, so that everything that is wrong is told at once.
 */
export class ImportDependencies {
  /** Rows that are to be written, as far as is known by now. */
  readonly #written: Set<PlannedRow>;
  /** Printed names of images that the document makes or keeps. */
  readonly #coming: Set<string>;
  /** Rows by the printed names that their images are to lose. */
  readonly #lost: Map<string, PlannedRow>;
  /** Rows by the printed names that they depend on. */
  readonly #waiting = new Map<string, PlannedRow[]>();
  /** Who needs a row's old name. */
  readonly #neededBy = new Map<PlannedRow, Dependent[]>();
  readonly #rowOfImage: ReadonlyMap<string, PlannedRow>;
  /** Rows by the ids of the images that need their old names. */
  readonly #losers = new Map<string, PlannedRow[]>();
  readonly #told = new Set<PlannedRow>();
  /** What exports tell of names that were lost before. */
  readonly #lostBefore = new Set<string>();
  readonly #listed: ReadonlySet<string>;

  private constructor(
    private readonly planned: Planned,
    private readonly known: Known,
  ) {
    const { mode, listed, read, isFailed } = planned;
    this.#listed = new Set(listed.flatMap(({ name }) => (name === null ? [] : [printImageName(name)])));
    this.#written = new Set(read.filter(({ row }) => mode === 'ATOMIC' || !isFailed(row)));
    const names = mode === 'ATOMIC' ? listed.flatMap(({ name }) => name ?? []) : [];
    this.#coming = new Set([...names, ...[...this.#written].map(({ draft }) => draft)].map(printImageName));
    this.#lost = new Map(
      [...this.#written]
        .filter(isRenamed)
        .flatMap((one) => (one.base === null ? [] : [[printImageName(one.base), one]])),
    );
    // Of two rows about one image the first one counts; the other is refused.
    this.#rowOfImage = new Map(
      read.toReversed().flatMap((one) => (one.existing === null ? [] : [[one.existing.id, one] as const])),
    );
  }

  static async load(db: Db, session: Session, planned: Planned): Promise<ImportDependencies> {
    const asking = planned.read.filter(isAsking);
    const names = asking.map(({ draft }) => draft);
    const lost = planned.read.filter(isRenamed).flatMap(({ base }) => base ?? []);
    const targets = await inTurns(targetsOf(asking));
    const live = targets.length === 0 ? [] : await resolveTargets(db, session, targets);
    const dependencies = new ImportDependencies(planned, {
      live: new Set(live.map(printImageName)),
      dependents: lost.length === 0 ? [] : await dependentsOfNames(db, session, lost),
      edges: names.length === 0 ? [] : await edgesUpwards(db, names),
    });
    await inTurns(dependencies.#index(asking));
    return dependencies;
  }

  *#index(asking: readonly PlannedRow[]): Generator<void> {
    for (const one of asking) {
      yield;
      for (const dependency of one.draft.dependencies) push(this.#waiting, printImageName(dependency), one);
    }
    for (const dependent of this.known.dependents) {
      yield;
      const loser = this.#lost.get(printImageName(dependent.needs));
      if (loser === undefined || dependent.imageId === loser.existing?.id) continue;
      push(this.#neededBy, loser, dependent);
      push(this.#losers, dependent.imageId, loser);
    }
  }

  get warnings(): string[] {
    const selves = this.planned.read
      .filter((one) => isAsking(one) && one.draft.dependencies.some((name) => isSameName(name, one.draft)))
      .map(({ row, draft }) => `row ${row.index}: ${printImageName(draft)} depends on itself`);
    return [...selves, ...this.#lostBefore];
  }

  /** May a row still be refused because of what depends on what? */
  concerns(planned: PlannedRow): boolean {
    return isAsking(planned) || isRenamed(planned);
  }

  /** Refuses rows that name nothing, and those that take away names which others need; and who depends on such a row. */
  *resolve(): Generator<void> {
    const queue = this.planned.read.filter((one) => this.concerns(one));
    // Grows while it is walked: by those who depend on what fails.
    for (const one of this.#written) {
      yield;
      queue.push(...this.#drop(one));
    }
    for (const one of queue) {
      yield;
      if (this.#told.has(one)) continue;
      const isWrong = [this.#refuseMissing(one), this.#refuseNeeded(one)].includes(true);
      if (isWrong) this.#told.add(one);
      queue.push(...this.#drop(one));
    }
  }

  /** Refuses also rows that close circles, and then again who depends on them, until nothing more is wrong. */
  *check(): Generator<void> {
    for (let round = 1; ; round += 1) {
      yield* this.resolve();
      const refused = yield* this.#refuseCircles(round > EXACT_ROUNDS);
      if (refused === 0 || this.planned.mode === 'ATOMIC') return;
    }
  }

  #refuseMissing(one: PlannedRow): boolean {
    const { row, draft, existing } = one;
    let isWrong = false;
    for (const dependency of draft.dependencies) {
      const name = printImageName(dependency);
      const loser = this.#lost.get(name);
      if (isSameName(dependency, draft) || this.#coming.has(name)) continue;
      if (loser === undefined && !this.#isUnknown(one, dependency)) continue;
      if (loser === undefined && row.isOurs && existing === null && !this.#listed.has(name)) {
        // It was missing already when the image was exported: that must not keep the others from coming back.
        this.#lostBefore.add(`row ${row.index}: there is no live image ${name}, which it depends on`);
        continue;
      }
      const message =
        loser === undefined
          ? `there is no live image ${name} that you may see, nor one in this document that can be imported`
          : `${name} is the name that row ${loser.row.index} takes away; give the dependencies anew, without it`;
      this.planned.refuse(row, fieldOfPath(['dependencies']), 'DEPENDENCY_UNRESOLVED', message);
      isWrong = true;
    }
    return isWrong;
  }

  /** Does the row newly name an image that neither the viewer sees nor the document makes? */
  #isUnknown({ draft, existing, changed }: PlannedRow, dependency: ImageName): boolean {
    const name = printImageName(dependency);
    // What a list has lost already is no reason to refuse a new name.
    const isKept = existing !== null && !changed.includes('dependencies');
    const isOwn = isSameName(dependency, draft) || this.#coming.has(name);
    return !isOwn && !isKept && !this.known.live.has(name);
  }

  #refuseNeeded(loser: PlannedRow): boolean {
    const needing = (this.#neededBy.get(loser) ?? []).filter(({ imageId }) => {
      const row = this.#rowOfImage.get(imageId);
      return row === undefined || !this.#written.has(row) || !row.changed.includes('dependencies');
    });
    if (needing.length === 0) return false;
    const shown = needing.filter(({ isShown }) => isShown).slice(0, SHOWN);
    const message = inUse(
      needing.length,
      shown.map(({ image }) => image),
      'change what they depend on before its name, or in this document',
    );
    this.planned.refuse(loser.row, fieldOfPath(['name']), 'IN_USE', message);
    return true;
  }

  /** @param isOldKept what images depended on before counts beside what they are to depend on */
  *#refuseCircles(isOldKept: boolean): Generator<void, number> {
    const graph = new Map<string, string[]>();
    for (const { draft } of this.#written) {
      yield;
      graph.set(printImageName(draft), draft.dependencies.map(printImageName));
    }
    for (const { imageId, from, to } of this.known.edges) {
      yield;
      const row = this.#rowOfImage.get(imageId);
      if (isOldKept || row === undefined || !this.#written.has(row)) push(graph, from, to);
    }
    const circles = yield* circlesOf(graph);
    let refused = 0;
    for (const one of this.#written) {
      yield;
      const { row, draft } = one;
      const circle = circles.get(printImageName(draft));
      if (circle === undefined || !isAsking(one)) continue;
      // What a hidden image depends on must not tell that it is there; a row that names one is refused, unless it is an old one.
      const through = draft.dependencies.find(
        (name) =>
          !isSameName(name, draft) &&
          circles.get(printImageName(name)) === circle &&
          (row.isOurs || !this.#isUnknown(one, name)),
      );
      if (through === undefined) continue;
      const message = `${printImageName(through)} depends on ${printImageName(draft)} itself`;
      this.planned.refuse(row, fieldOfPath(['dependencies']), 'DEPENDENCY_CYCLE', message);
      refused += 1;
    }
    return refused;
  }

  /** @returns the rows that have to be looked at again because this one has failed */
  #drop(one: PlannedRow): readonly PlannedRow[] {
    const { mode, isFailed } = this.planned;
    if (mode === 'ATOMIC' || !isFailed(one.row) || !this.#written.delete(one)) return [];
    const name = printImageName(one.draft);
    this.#coming.delete(name);
    if (isRenamed(one) && one.base !== null) this.#lost.delete(printImageName(one.base));
    return [
      ...(this.known.live.has(name) ? [] : (this.#waiting.get(name) ?? [])),
      ...((one.existing && this.#losers.get(one.existing.id)) ?? []),
    ];
  }
}

/** Each name once. */
function* targetsOf(asking: readonly PlannedRow[]): Generator<void, ImageName[]> {
  const targets = new Map<string, ImageName>();
  for (const { draft } of asking) {
    yield;
    for (const name of draft.dependencies) targets.set(printImageName(name), name);
  }
  return [...targets.values()];
}

function isRenamed({ base, draft }: PlannedRow): boolean {
  return base !== null && !isSameName(base, draft);
}

/** Does the row say what an image depends on, or give a name to one that does? */
function isAsking(planned: PlannedRow): boolean {
  const { existing, changed, draft } = planned;
  const isNew = existing === null || changed.includes('dependencies') || isRenamed(planned);
  return isNew && draft.dependencies.length > 0;
}

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
