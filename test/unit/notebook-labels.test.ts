import { describe, expect, it } from 'vitest';
import type { ContainerState } from '../../src/engine/container-engine.ts';
import { currentOf, readClaim } from '../../src/notebook/notebook-labels.rules.ts';

const KEYS = { id: 'slipway.notebook', name: 'slipway.notebook.name', workspace: 'ws', owner: 'owner' };
const NOTHING = { id: null, name: null, workspace: null, owner: null, isPlaced: true };
const LABELS = { 'slipway.notebook': 'A1', 'slipway.notebook.name': 'Mine', ws: 'lab', owner: 'dana' };

describe("a container's labels", () => {
  it('say which notebook it is; an id in capitals is the same one', () => {
    expect(readClaim(KEYS, LABELS)).toEqual({
      id: 'a1',
      name: 'Mine',
      workspace: 'lab',
      owner: 'dana',
      isPlaced: true,
    });
    expect(readClaim(KEYS, {})).toEqual(NOTHING);
    expect(readClaim(KEYS, { ...LABELS, owner: '', ws: '' })).toMatchObject({ owner: null, workspace: null });
  });

  it.each(Object.entries(LABELS))('say nothing where they come from its image: %s', (key, value) => {
    const own = readClaim(KEYS, LABELS, { [key]: value, other: 'label' });
    const left = readClaim(KEYS, Object.fromEntries(Object.entries(LABELS).filter(([name]) => name !== key)));
    expect(own).toEqual({ ...left, isPlaced: key !== 'ws' });
    expect(readClaim(KEYS, LABELS, { [key]: `${value}?` })).toEqual(readClaim(KEYS, LABELS));
  });

  it.each(['\0', '\ud800'])('count as absent where no text can hold them: %j', (character) => {
    const broken = Object.fromEntries(Object.keys(LABELS).map((key) => [key, `x${character}`]));
    // It was given a workspace, whichever that is.
    expect(readClaim(KEYS, broken)).toEqual({ ...NOTHING, isPlaced: false });
  });

  it('give it a name of 256 code points at the most', () => {
    const nameOf = (name: string) => readClaim(KEYS, { ...LABELS, [KEYS.name]: name }).name;
    expect(nameOf('𝒳'.repeat(256))).toBe('𝒳'.repeat(256));
    expect(nameOf('𝒳'.repeat(1000))).toBe('𝒳'.repeat(256));
    expect(nameOf(`a${'𝒳'.repeat(256)}`)).toBe(`a${'𝒳'.repeat(255)}`);
    expect(nameOf('x'.repeat(1_000_000))).toHaveLength(256);
  });
});

describe('of several containers of one notebook', () => {
  const at = (owner: string | null, state: ContainerState, minute: number | null, id = `${minute}`) => ({
    claim: { owner },
    container: { id, state },
    startedAt: minute === null ? null : new Date(Date.UTC(2024, 0, 1, 0, minute)),
  });

  it.each([
    ['the running one', [at('dana', 'stopped', 9), at('dana', 'running', 1), at('dana', 'paused', 5)], 1],
    ['else the paused one', [at('dana', 'stopped', 9), at('dana', 'paused', 1)], 1],
    ['else the newest', [at('dana', 'stopped', 3), at('dana', 'stopped', 9), at('dana', 'stopped', null)], 1],
    ['of equal ones always the same', [at('dana', 'running', 1, 'a'), at('dana', 'running', 1, 'b')], 1],
    ["not another owner's that is newer", [at('mallory', 'running', 2), at('dana', 'running', 1)], 1],
    ["nor another owner's that runs", [at('mallory', 'running', 2), at('dana', 'stopped', 1)], 1],
    ["nor nobody's", [at(null, 'running', 2), at('dana', 'stopped', 1)], 1],
    ['nor one that was never started', [at('mallory', 'stopped', null), at('dana', 'stopped', 1)], 1],
    [
      "the first owner's newest",
      [at('dana', 'running', 1), at('mallory', 'running', 2), at('dana', 'running', 3)],
      2,
    ],
  ] as const)('it is %s', (_which, candidates, expected) => {
    expect(currentOf(candidates)).toBe(candidates[expected]);
    expect(currentOf(candidates.toReversed())).toBe(candidates[expected]);
  });

  it('it is none where they have all gone', () => {
    expect(currentOf([])).toBeNull();
  });
});
