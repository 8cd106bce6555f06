import { describe, expect, it } from 'vitest';
import { mostAlive, readClaim } from '../../src/notebook/notebook-labels.rules.ts';

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
});

describe('of several containers of one notebook', () => {
  it.each([
    [['stopped', 'running', 'paused'], [1]],
    [
      ['stopped', 'paused', 'paused'],
      [1, 2],
    ],
    [
      ['stopped', 'stopped'],
      [0, 1],
    ],
  ] as const)('%j those at %j count', (states, expected) => {
    const containers = states.map((state, index) => ({ index, container: { state } }));
    expect(mostAlive(containers).map(({ index }) => index)).toEqual(expected);
  });
});
