/** What the command line asks for. */
export interface BenchOptions {
  /** How often each case is measured; absent: as often as the part thinks right. */
  readonly rounds: number | null;
  /** How long one measurement takes; absent: as long as the part thinks right. */
  readonly seconds: number | null;
  /** How many images a seeded catalogue has. */
  readonly images: number | null;
  /** Only cases with one of these names; empty: all. */
  readonly only: readonly string[];
  /** A folder that keeps PostgreSQL's data for the next run; absent: a temporary one, removed at the end. */
  readonly data: string | null;
  /** Where the compiled server is: `dist`, or a build of its own to compare with. */
  readonly dist: string;
  /** Measures the server with its CPU profiler on, and tells where its time goes. */
  readonly profile: boolean;
  /** Saves notebooks with Podman as the engine, instead of Docker. */
  readonly podman: boolean;
}

/** One group of measurements, a folder of its own. */
export interface Part {
  /** On the command line, and in the markers of docs/performance.md. */
  readonly name: string;
  /** One line for `--help`. */
  readonly title: string;
  /** Measures. @returns Markdown with the tables, without a heading */
  run(options: BenchOptions): Promise<string>;
}

/** Is this case asked for? */
export function isChosen({ only }: BenchOptions, name: string): boolean {
  return only.length === 0 || only.includes(name);
}

/** One line of progress, for the person in front of the screen. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
