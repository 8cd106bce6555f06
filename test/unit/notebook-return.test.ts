import { describe, expect, it } from 'vitest';
import { NotebookHold } from '../../src/build/run/notebook-hold.ts';
import { runningNotebook } from '../../src/build/run/recipes/notebook-return.ts';
import type { Interruption } from '../../src/build/run/recipes/recipe.ts';
import type { ContainerState } from '../../src/engine/container-engine.ts';
import { createFakeEngine } from '../support/fake-engine.ts';
import { until } from '../support/until.ts';

const AGO_MS = 5000;

/** A notebook in this state, and a build that may hold it. */
function open(state: ContainerState, held: boolean) {
  const engine = createFakeEngine();
  const container = engine.addContainer({ state });
  const hold = new NotebookHold({
    notebookHeldSince: held ? new Date(Date.now() - AGO_MS) : null,
    notebookPausedMs: null,
  });
  const said: string[] = [];
  const interrupt = new AbortController();
  const find = async (waitMs?: number) =>
    await runningNotebook(
      { containerId: container.id },
      {
        engine,
        hold,
        signal: interrupt.signal,
        log: { say: async (text) => void said.push(text) },
      },
      waitMs,
    );
  const written = () => {
    const row = { notebookHeldSince: new Date(0) as Date | null, notebookPausedMs: 0 as number | null };
    hold.applyTo(row);
    return row;
  };
  return {
    engine,
    id: container.id,
    find,
    said,
    written,
    state: async () => (await engine.container(container.id))?.state,
    interrupt: (reason: Interruption) => interrupt.abort(reason),
  };
}

const LET_GO = { notebookHeldSince: null, notebookPausedMs: expect.toSatisfy((ms) => ms >= AGO_MS) };

describe('a notebook that an earlier attempt may have left paused', () => {
  it('is taken as it runs, and its pause is counted up to now', async () => {
    const { find, written, said } = open('running', true);
    expect(await find()).toMatchObject({ state: 'running' });
    expect(written()).toEqual(LET_GO);
    expect(said).toEqual([]);
  });

  it('is waited for until the engine lets it go on', async () => {
    const { engine, id, find, written, said } = open('paused', true);
    const found = find();
    await until('the wait', () => said.length === 1);
    expect(said[0]).toContain('up to 60 s');
    engine.changeContainer(id, { state: 'running' });
    expect(await found).toMatchObject({ state: 'running' });
    expect(written()).toEqual(LET_GO);
    expect(said).toHaveLength(1);
  });

  it('is resumed where the engine does not', async () => {
    const { find, written, said } = open('paused', true);
    expect(await find(1)).toMatchObject({ state: 'running' });
    expect(written()).toEqual(LET_GO);
    expect(said[1]).toContain('was resumed');
  });

  it.for(['canceled', 'timed-out', 'shutdown'] as const)(
    'is resumed at once where the build is interrupted: %s',
    async (reason) => {
      const { find, written, said, state, interrupt } = open('paused', true);
      const found = find();
      await until('the wait', () => said.length === 1);
      interrupt(reason);
      await expect(found).rejects.toThrow();
      expect(await state()).toBe('running');
      expect(written()).toEqual(LET_GO);
    },
  );

  it("is left as it is where another attempt has the build: that one's commit may be what keeps it paused", async () => {
    const { find, said, state, interrupt, written } = open('paused', true);
    const found = find();
    await until('the wait', () => said.length === 1);
    interrupt('lost');
    await expect(found).rejects.toThrow();
    expect(await state()).toBe('paused');
    expect(written().notebookHeldSince).not.toBeNull();
  });

  it.for([
    ['stopped', 'NOTEBOOK_NOT_RUNNING', 'start it'],
    ['gone', 'NOTEBOOK_GONE', 'removed'],
  ] as const)(
    'is not held any more when it is %s, and the build is told %s',
    async ([state, reason, hint]) => {
      const { engine, id, find, written } = open('stopped', true);
      if (state === 'gone') engine.removeContainer(id);
      await expect(find()).rejects.toMatchObject({ reason, message: expect.stringContaining(hint) });
      expect(written()).toEqual(LET_GO);
    },
  );
});

it('a notebook that somebody else paused is never resumed', async () => {
  const { find, written, state } = open('paused', false);
  await expect(find(1)).rejects.toMatchObject({
    reason: 'NOTEBOOK_NOT_RUNNING',
    message: expect.stringContaining('resume it'),
  });
  expect(await state()).toBe('paused');
  expect(written()).toEqual({ notebookHeldSince: null, notebookPausedMs: null });
});

describe('the time that a build keeps its notebook paused', () => {
  const at = (ms: number) => new Date(ms);

  it('is the sum over all attempts', () => {
    const hold = new NotebookHold({ notebookHeldSince: null, notebookPausedMs: 250 });
    hold.expect(at(1000));
    hold.begin(at(1100));
    expect(hold.end(at(1600))).toBe(500);
    const row = { notebookHeldSince: at(1) as Date | null, notebookPausedMs: null as number | null };
    hold.applyTo(row);
    expect(row).toEqual({ notebookHeldSince: null, notebookPausedMs: 750 });
  });

  it('counts nothing where it was only expected', () => {
    const hold = new NotebookHold({ notebookHeldSince: null, notebookPausedMs: null });
    hold.expect(at(1000));
    expect(hold.since).toEqual(at(1000));
    expect(hold.end(at(1600))).toBe(0);
    const row = { notebookHeldSince: at(1) as Date | null, notebookPausedMs: 1 as number | null };
    hold.applyTo(row);
    expect(row).toEqual({ notebookHeldSince: null, notebookPausedMs: null });
  });

  it('counts from its first pause where it was not seen to go on before the next', () => {
    const hold = new NotebookHold({ notebookHeldSince: null, notebookPausedMs: null });
    hold.begin(at(1000));
    hold.expect(at(2000));
    hold.drop();
    hold.begin(at(2100));
    expect(hold.end(at(2500))).toBe(1500);
  });

  it('fits its column after a year too', () => {
    const hold = new NotebookHold({ notebookHeldSince: at(0), notebookPausedMs: 1 });
    hold.end(at(365 * 86_400_000));
    const row = { notebookHeldSince: null as Date | null, notebookPausedMs: null as number | null };
    hold.applyTo(row);
    expect(row.notebookPausedMs).toBe(2 ** 31 - 1);
  });
});
