import { type Program, startProgram } from './program.ts';

export interface Viewer {
  readonly token: string;
  /** The build's id. */
  readonly build: string;
  readonly buildIndex: number;
}

/** Says where to connect, and each subscriber's token and build. */
export interface Subscribe {
  readonly port: number;
  readonly path: string;
  readonly viewers: readonly Viewer[];
}

/** What has come within the time of a measurement. */
export interface Arrivals {
  readonly frames: number;
  readonly lines: number;
  readonly bytes: number;
  /** Three numbers for each message: the build's index, its first line's number, and when it came, in ms. */
  readonly arrived: readonly number[];
}

/** Subscribers of one server, in a process of its own for each core. */
export class Subscribers implements AsyncDisposable {
  readonly #programs: readonly Program[];

  constructor(cores: readonly number[]) {
    this.#programs = cores.map((core) => startProgram('subscribers', [], [core]));
  }

  /** Connects them all, and resolves when each has had its first event. */
  async subscribe({ port, path, viewers }: Subscribe): Promise<void> {
    await Promise.all(
      this.#programs.map(async (program, index) => {
        const own = viewers.filter((_, viewer) => viewer % this.#programs.length === index);
        program.tell({ port, path, viewers: own } satisfies Subscribe);
        await program.answer();
      }),
    );
  }

  /** What comes from now on until `meanwhile` has ended. */
  async count(meanwhile: () => Promise<unknown>): Promise<Arrivals[]> {
    for (const program of this.#programs) program.tell('count');
    await meanwhile();
    return await Promise.all(
      this.#programs.map(async (program) => {
        program.tell('report');
        return (await program.answer()) as Arrivals;
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#programs.map((program) => program[Symbol.asyncDispose]()));
  }
}
