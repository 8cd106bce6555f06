import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MessageMeters, SocketPlaces } from '../../src/http/socket-limits.ts';

const MIB = 1024 * 1024;

describe('places for sockets', () => {
  it('are so many for each holder, and one is free again when it is given back, once', () => {
    const places = new SocketPlaces(2);
    const [first, second] = [places.take('ada'), places.take('ada')];
    expect([first, second, places.take('ada')]).toEqual([expect.anything(), expect.anything(), null]);
    expect(places.take('grace')).not.toBeNull();
    first?.[Symbol.dispose]();
    first?.[Symbol.dispose]();
    expect(places.take('ada')).not.toBeNull();
    expect(places.take('ada')).toBeNull();
  });

  it('hold 32 MiB of messages together, also after a socket has closed', () => {
    const places = new SocketPlaces(2);
    const [first, second] = [places.take('ada'), places.take('ada')];
    const message = first?.hold(20 * MIB);
    expect(second?.hold(13 * MIB)).toBeNull();
    first?.[Symbol.dispose]();
    second?.[Symbol.dispose]();
    const later = places.take('ada');
    expect(later?.hold(13 * MIB)).toBeNull();
    message?.[Symbol.dispose]();
    expect(later?.hold(32 * MIB)).not.toBeNull();
  });
});

describe('a meter of messages', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  const countOf = (viewer: string, meters: MessageMeters, bytes = 0) => {
    for (let count = 0; ; count += 1) if (meters.of(viewer).isTooMuch(bytes)) return count;
  };

  it('lets a burst pass, and then so many a second', () => {
    const meters = new MessageMeters();
    expect(countOf('ada', meters)).toBe(5000);
    expect(countOf('grace', meters)).toBe(5000);
    vi.advanceTimersByTime(1001);
    expect(countOf('ada', meters)).toBe(1000);
    vi.advanceTimersByTime(60_000);
    expect(countOf('ada', meters)).toBe(5000);
  });

  it('counts large messages more often', () => {
    expect(countOf('ada', new MessageMeters(), MIB)).toBe(38);
  });
});
