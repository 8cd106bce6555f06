import type { ByteAlignment } from './classic-alignment.ts';

/** The daemon wraps what a step prints on its standard error in bright red, one frame at a time. */
export const RED = '\x1b[91m';
export const PLAIN = '\x1b[0m';

/** The frame as the builder sent it. */
export const wrapped = (frame: Buffer): Buffer =>
  Buffer.concat([Buffer.from(RED), frame, Buffer.from(PLAIN)]);

/**
 * Whose a frame is that the builder sent in bright red: standard error's, or standard output's that was printed so. `null` where
 * the attach cannot tell, `LATER` where it has not brought the bytes yet. Two frames that look the same may change
 * places, and nobody could see it. PURE.
 */
export function streamOf(
  frame: Buffer,
  streams: Readonly<Record<'STDOUT' | 'STDERR', ByteAlignment>>,
): 'STDOUT' | 'STDERR' | 'LATER' | null {
  const isError = streams.STDERR.follows(frame);
  if (isError === true) return 'STDERR';
  const isOutput = streams.STDOUT.follows(wrapped(frame));
  if (isOutput === true) return 'STDOUT';
  if (isError === null) return 'LATER';
  if (isError === false) {
    if (isOutput === null) return 'LATER';
    return isOutput === undefined ? 'STDOUT' : null;
  }
  return isOutput === false ? 'STDERR' : null;
}

/**
 * May the frame well have been standard output? A line on standard error ends with a newline and has no colors of its own; most
 * of what is printed in color on standard output has its newline behind the color, and does not look like standard error.
 */
export const isDoubtful = (frame: Buffer): boolean => frame.at(-1) !== 0x0a || frame.includes(0x1b);
