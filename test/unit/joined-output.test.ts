import { expect, it } from 'vitest';
import type { BuildEvent } from '../../src/engine/container-engine.ts';
import { LOST } from '../../src/engine/docker/classic-alignment.ts';
import { joinOutput } from '../../src/engine/docker/joined-output.ts';

const at = new Date('2024-05-06T07:08:09.123Z');
const log = (data: string | Buffer, rest: Partial<BuildEvent & { kind: 'log' }> = {}): BuildEvent => ({
  kind: 'log',
  step: 2,
  stream: 'STDOUT',
  data: Buffer.from(data),
  at,
  ...rest,
});

it('gives in one piece what a step printed in many at the same time', () => {
  expect([...joinOutput([log('one\ntw'), log('o\n'), log('three\n')])]).toEqual([log('one\ntwo\nthree\n')]);
});

it('keeps apart what differs in step, stream or time, what lost bytes, and what stands before and behind another event', () => {
  const total: BuildEvent = { kind: 'total', steps: 3 };
  const events = [
    log('of step 2\n'),
    log('of step 3\n', { step: 3 }),
    log('later\n', { step: 3, at: new Date(at.getTime() + 1) }),
    log('an error\n', { stream: 'STDERR' }),
    log('another\n', { stream: 'STDERR' }),
    log('before\n'),
    log(Buffer.from([LOST])),
    log('behind\n'),
    total,
    log('at last\n'),
  ];
  expect([...joinOutput(events)]).toEqual(events);
});
