import { describe, expect, it } from 'vitest';
import type { Build } from '../../src/build/build.entity.ts';
import { canMove, isFinal, movePhase, percentOf } from '../../src/build/build.rules.ts';
import { moveTo } from '../../src/build/build.store.ts';
import { canMove as canMoveImage } from '../../src/image/image.rules.ts';
import { ImageBuildStatus, ImageStatus } from '../../src/shared/enums.ts';

const BUILD_STATES = Object.keys(ImageBuildStatus) as ImageBuildStatus[];
const IMAGE_STATES = Object.keys(ImageStatus) as ImageStatus[];

describe('the life of a build', () => {
  it('has the moves that it has, and no other', () => {
    const moves = Object.fromEntries(
      BUILD_STATES.map((from) => [from, BUILD_STATES.filter((to) => canMove(from, to))]),
    );
    expect(moves).toEqual({
      QUEUED: ['RUNNING', 'CANCELED', 'EXPIRED'],
      RUNNING: ['QUEUED', 'CANCELING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT'],
      CANCELING: ['SUCCEEDED', 'FAILED', 'CANCELED'],
      SUCCEEDED: [],
      FAILED: [],
      CANCELED: [],
      TIMED_OUT: [],
      EXPIRED: [],
    });
    expect(BUILD_STATES.filter(isFinal)).toEqual(['SUCCEEDED', 'FAILED', 'CANCELED', 'TIMED_OUT', 'EXPIRED']);
  });

  it('ends once: no final state can be left, and the end has its time', () => {
    const now = new Date();
    const build = { status: 'RUNNING', finishedAt: null } as Build;
    moveTo(build, 'SUCCEEDED', now);
    expect(build).toEqual({ status: 'SUCCEEDED', finishedAt: now });
    for (const status of BUILD_STATES) expect(() => moveTo(build, status, now)).toThrow('cannot go');
  });

  it('has one phase at a time, each with its times', () => {
    const build: Pick<Build, 'phase' | 'phases'> = { phase: null, phases: [] };
    const at = (second: number) => new Date(second * 1000);
    movePhase(build as Build, 'PREPARING', at(0));
    movePhase(build as Build, 'BUILDING', at(1));
    movePhase(build as Build, null, at(2));
    expect(build).toEqual({
      phase: null,
      phases: [
        { phase: 'PREPARING', startedAt: at(0).toISOString(), finishedAt: at(1).toISOString() },
        { phase: 'BUILDING', startedAt: at(1).toISOString(), finishedAt: at(2).toISOString() },
      ],
    });
  });

  it('is 100 percent done only when it has succeeded', () => {
    const step = { status: 'SUCCEEDED' } as Build['steps'][number];
    const steps = [step, step, step];
    const percent = (status: ImageBuildStatus, totalSteps: number | null) =>
      percentOf({ status, steps, totalSteps });
    expect(percent('RUNNING', null)).toBeNull();
    expect(percent('RUNNING', 0)).toBeNull();
    expect(percent('RUNNING', 7)).toBe(42);
    expect(percent('RUNNING', 3)).toBe(99);
    expect(percent('FAILED', 3)).toBe(99);
    expect(percent('SUCCEEDED', null)).toBe(100);
  });
});

describe('the life of an image', () => {
  it('has the moves that it has, and no other', () => {
    const moves = Object.fromEntries(
      IMAGE_STATES.map((from) => [from, IMAGE_STATES.filter((to) => canMoveImage(from, to))]),
    );
    expect(moves).toEqual({
      INIT: ['CREATING', 'ACTIVE', 'CREATE_FAILED'],
      CREATING: ['ACTIVE', 'CREATE_FAILED'],
      ACTIVE: ['ERROR', 'DELETED'],
      CREATE_FAILED: ['DELETED'],
      ERROR: ['ACTIVE', 'DELETED'],
      DELETED: ['ACTIVE', 'CREATE_FAILED', 'ERROR'],
    });
  });
});
