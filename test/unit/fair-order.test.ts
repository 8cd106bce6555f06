import { describe, expect, it } from 'vitest';
import { nextNumber, numbersOf } from '../../src/queue/fair-order.rules.ts';
import type { JobPriority } from '../../src/queue/job-queue.ts';

interface SimulatedJob {
  readonly group: string;
  readonly number: number;
}

/** A queue in memory that is sorted as the real one: by number, then by age. */
class SimulatedQueue {
  #waiting: SimulatedJob[] = [];
  #running: SimulatedJob[] = [];

  constructor(private readonly priority: JobPriority = 'NORMAL') {}

  add(group: string, count = 1): void {
    for (let n = 0; n < count; n += 1) {
      const own = [...this.#waiting, ...this.#running].filter((job) => job.group === group);
      const number = nextNumber(this.priority, {
        started: least(this.#running),
        head: greatest(this.#waiting),
        own: least(own),
      });
      this.#waiting.push({ group, number });
    }
  }

  waitingOf(group: string): number {
    return this.#waiting.filter((job) => job.group === group).length;
  }

  /** Begins the next job. @returns its group */
  start(): string | undefined {
    const next = this.#waiting.toSorted((a, b) => b.number - a.number)[0];
    if (next === undefined) return undefined;
    this.#waiting = this.#waiting.filter((job) => job !== next);
    this.#running.push(next);
    return next.group;
  }

  /** Ends the job that has run longest, and begins the next one. */
  turn(): string | undefined {
    this.#running.shift();
    return this.start();
  }

  turns(count: number): string {
    return Array.from({ length: count }, () => this.turn() ?? '-').join('');
  }
}

const numbers = (jobs: readonly SimulatedJob[]) => jobs.map(({ number }) => number);
const least = (jobs: readonly SimulatedJob[]) => (jobs.length === 0 ? null : Math.min(...numbers(jobs)));
const greatest = (jobs: readonly SimulatedJob[]) => (jobs.length === 0 ? null : Math.max(...numbers(jobs)));

function running(slots: number, queue: SimulatedQueue): void {
  for (let slot = 0; slot < slots; slot += 1) queue.start();
}

describe('the order of the queue', () => {
  it('is first come, first served within one group', () => {
    const order = { started: null, head: null };
    const first = nextNumber('NORMAL', { ...order, own: null });
    const second = nextNumber('NORMAL', { started: null, head: first, own: first });
    expect(second).toBeLessThan(first);
  });

  it("puts a group's first job before all that wait of one that has many running and waiting", () => {
    const queue = new SimulatedQueue();
    queue.add('a', 1000);
    running(4, queue);
    queue.add('b');
    expect(queue.turn()).toBe('b');
  });

  it('lets groups take turns that were queued before any worker came', () => {
    const queue = new SimulatedQueue();
    queue.add('a', 3);
    queue.add('b', 3);
    queue.add('c', 3);
    expect(queue.turns(9)).toBe('abcabcabc');
  });

  it('does not let a group that always has a few waiting hold up one that has thousands', () => {
    const queue = new SimulatedQueue();
    queue.add('a', 500);
    running(2, queue);
    let served = '';
    for (let n = 0; n < 200; n += 1) {
      while (queue.waitingOf('b') < 3) queue.add('b');
      served += queue.turn();
    }
    const ofA = served.replaceAll('b', '').length;
    expect(ofA).toBeGreaterThanOrEqual(98);
    expect(ofA).toBeLessThanOrEqual(102);
  });

  it('gives a group nothing in advance for the time when it asked for nothing', () => {
    const queue = new SimulatedQueue();
    queue.add('a', 100);
    running(1, queue);
    queue.turns(50);
    queue.add('b', 5);
    expect(queue.turns(8)).toBe('babababa');
  });

  it('keeps classes apart, and all in an integer of 32 bits', () => {
    const [low, normal, high] = (['LOW', 'NORMAL', 'HIGH'] as const).map(numbersOf);
    expect(low?.last).toBe(0);
    expect(normal?.last).toBe((low?.first ?? 0) + 1);
    expect(high?.last).toBe((normal?.first ?? 0) + 1);
    expect(high?.first).toBeLessThan(2 ** 31);
  });

  it('stays within its class when there are no turns left', () => {
    const { last } = numbersOf('NORMAL');
    expect(nextNumber('NORMAL', { started: null, head: last, own: last })).toBe(last);
  });
});
