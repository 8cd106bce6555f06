import { describe, expect, it } from 'vitest';
import { EngineError } from '../../src/engine/container-engine.ts';
import { NotebookEngine } from '../../src/notebook/notebook-engine.ts';
import { NotebookFiles } from '../../src/notebook/notebook-files.ts';
import { createFakeEngine, type Question, type QuestionHandler } from '../support/fake-engine.ts';
import { gate, until } from '../support/until.ts';

const LONG_MS = 60_000;
const FILES = { writtenBytes: 7, sizeBytes: 2048, changedPaths: ['/root/.netrc', '/root/work'] };
const NETRC = { paths: ['/root/.netrc'], complete: true };

/** An engine with containers, and the looks at them; `asked` says in which order it was asked what. */
function stage(waitMs = LONG_MS, keptMs = LONG_MS) {
  const engine = createFakeEngine();
  const files = new NotebookFiles(new NotebookEngine(engine, waitMs), waitMs, keptMs);
  const asked: Question[] = [];
  const add = (written: Partial<typeof FILES> = {}) => ({
    containerId: engine.addContainer({}, { ...FILES, ...written }).id,
    uncapturedMounts: [],
  });
  const on = (handler: QuestionHandler) =>
    engine.onQuestion(async (question, context) => {
      asked.push(question);
      await handler(question, context);
    });
  on(async () => {});
  return { engine, files, asked, add, on };
}

const patient = new AbortController().signal;
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a look at what a container has written', () => {
  it('is one for everybody who asks, what its files take before their names', async () => {
    const { files, asked, add } = stage();
    const one = add();
    const answers = await Promise.all([
      files.credentials(one, patient),
      files.footprint(one, patient),
      files.footprint(one, patient),
      files.credentials(one, patient),
    ]);
    const footprint = { writtenBytes: 7, sizeBytes: 2048 };
    expect(answers).toEqual([NETRC, footprint, footprint, NETRC]);
    expect(asked).toEqual(['footprint', 'changedPaths']);
  });

  it('leaves the names out where nothing was written, and where nobody asks', async () => {
    const { files, asked, add } = stage();
    expect(await files.credentials(add({ writtenBytes: 0 }), patient)).toEqual({ paths: [], complete: true });
    expect(await files.footprint(add(), patient)).not.toBeNull();
    expect(asked).toEqual(['footprint', 'footprint']);
  });

  it.each(['footprint', 'changedPaths'] as const)(
    'goes on when all who wait have given up, and none begins meanwhile: %s',
    async (slow) => {
      const { files, asked, add, on } = stage();
      const one = add();
      const { opened, open } = gate();
      const signals: AbortSignal[] = [];
      on(async (question, { signal }) => {
        signals.push(signal);
        if (question === slow) await opened;
      });
      for (let i = 0; i < 3; i += 1) {
        const asker = new AbortController();
        const answer = files.credentials(one, asker.signal);
        await settle();
        asker.abort();
        expect(await answer).toBeNull();
      }
      const late = files.credentials(one, patient);
      open();
      expect(await late).toEqual(NETRC);
      expect(asked).toEqual(['footprint', 'changedPaths']);
      expect(signals.some(({ aborted }) => aborted)).toBe(false);
    },
  );

  it('is not begun for who has no time left', async () => {
    const { files, asked, add } = stage();
    expect(await files.footprint(add(), AbortSignal.abort())).toBeNull();
    expect(await files.credentials(add(), AbortSignal.abort())).toBeNull();
    expect(asked).toEqual([]);
  });

  it('is told again for a while, and then taken anew', async () => {
    const { files, asked, add } = stage(LONG_MS, 20);
    const one = add();
    await until('a new look', async () => {
      await files.credentials(one, patient);
      return asked.length === 4;
    });
    expect(asked).toEqual(['footprint', 'changedPaths', 'footprint', 'changedPaths']);
  });

  it('is taken at two containers at a time; one whose turn does not come is not begun', async () => {
    const { files, asked, add, on } = stage(1);
    const { opened, open } = gate();
    on(() => opened);
    const [first, second, third] = [add(), add(), add()];
    const looks = [files.footprint(first, patient), files.footprint(second, patient)];
    expect(await files.footprint(third, patient)).toBeNull();
    expect(asked).toHaveLength(2);
    open();
    for (const look of looks) expect(await look).not.toBeNull();
    expect(await files.footprint(third, patient)).not.toBeNull();
  });

  it('says nothing where the engine cannot, and asks it again only later', async () => {
    const { files, asked, add, on } = stage();
    const one = add();
    on(async () => {
      throw new EngineError('INTERNAL', 'driver has no sizes');
    });
    for (let i = 0; i < 3; i += 1) {
      expect(await files.footprint(one, patient)).toBeNull();
      expect(await files.credentials(one, patient)).toBeNull();
    }
    expect(asked).toEqual(['footprint', 'changedPaths']);
  });

  it('is UNAVAILABLE where the engine is away, and is taken again at the next question', async () => {
    const { engine, files, add } = stage();
    const one = add();
    engine.setAvailable(false);
    await expect(files.footprint(one, patient)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(files.credentials(one, patient)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    engine.setAvailable(true);
    expect(await files.credentials(one, patient)).toEqual(NETRC);
    expect(await files.footprint(one, patient)).not.toBeNull();
  });
});

describe('questions about containers', () => {
  it('are asked sixteen at a time', async () => {
    const { engine, on } = stage();
    const asking = new NotebookEngine(engine, LONG_MS);
    const { opened, open } = gate();
    let now = 0;
    let most = 0;
    on(async () => {
      now += 1;
      most = Math.max(most, now);
      await opened;
      now -= 1;
    });
    const answers = Array.from({ length: 50 }, () =>
      asking.ask(patient, (port, options) => port.containers('label', options)),
    );
    await settle();
    open();
    await Promise.all(answers);
    expect(most).toBe(16);
  });
});
