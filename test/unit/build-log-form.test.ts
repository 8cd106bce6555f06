import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PlacedLine } from '../../src/build/log/build-log.codec.ts';
import { LOG_FORMS, printedBytes, printLines } from '../../src/build/log/build-log-form.rules.ts';

const lines: fc.Arbitrary<PlacedLine[]> = fc.array(
  fc.record({
    at: fc.constant(new Date(0)),
    stream: fc.constantFrom('STDOUT', 'SYSTEM', 'GAP'),
    step: fc.constantFrom(1, null),
    partial: fc.boolean(),
    breaks: fc.boolean(),
    data: fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constant(Buffer.from('\u001b[1mbold普通'))),
  }),
  { maxLength: 5 },
);

it.each(LOG_FORMS)('counts the bytes that lines are printed as: %s', (form) => {
  fc.assert(
    fc.property(lines, (some) => {
      expect(printedBytes(some, form)).toBe(printLines(some, form).byteLength);
    }),
  );
});
