import { describe, expect, it } from 'vitest';
import { RequestMemory } from '../../src/http/held-memory.ts';
import { RateLimitedError, UnavailableError } from '../../src/shared/errors.ts';

const createMemory = () => new RequestMemory({ ofViewer: 100, inAll: 250, small: 10 });

describe('the memory of requests', () => {
  it('is limited for each viewer, over all of theirs', () => {
    const memory = createMemory();
    const first = memory.for('ada');
    first.growTo(60);
    const second = memory.for('ada');
    expect(() => second.growTo(41)).toThrow(RateLimitedError);
    second.growTo(40);
    memory.for('bob').growTo(100);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(() => second.growTo(101)).toThrow(RateLimitedError);
    second.growTo(100);
  });

  it('counts a request by the most that it was', () => {
    const memory = createMemory();
    const request = memory.for('ada');
    for (const bytes of [100, 10, 50, 100]) request.growTo(bytes);
    expect(() => memory.for('ada').growTo(1)).toThrow(RateLimitedError);
  });

  it('is announced by its viewer alone, who pays it once', () => {
    const memory = createMemory();
    const announced = ['ada', 'bob', 'eve', 'joe'].map((viewer) => {
      const request = memory.for(viewer);
      request.announce(100);
      expect(() => memory.for(viewer).announce(1)).toThrow(RateLimitedError);
      expect(() => memory.for(viewer).growTo(1)).toThrow(RateLimitedError);
      return request;
    });
    memory.for('zoe').growTo(100);
    const [first, second, third] = announced;
    first?.growTo(100);
    expect(() => first?.growTo(101)).toThrow(RateLimitedError);
    second?.growTo(50);
    expect(() => third?.growTo(11)).toThrow(UnavailableError);
    first?.[Symbol.dispose]();
    third?.growTo(100);
    memory.for('ada').announce(100);
  });

  it('is limited in all, but for small requests', () => {
    const memory = createMemory();
    memory.for('ada').growTo(100);
    memory.for('bob').growTo(100);
    const third = memory.for('eve');
    third.growTo(50);
    expect(() => third.growTo(51)).toThrow(UnavailableError);
    memory.for('joe').growTo(10);
    expect(() => memory.for('joe').growTo(11)).toThrow(UnavailableError);
  });
});
