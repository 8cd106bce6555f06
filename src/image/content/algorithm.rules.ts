import { checkWhole, MAX_INT } from '../../shared/number.rules.ts';
import type { Problems } from '../../shared/problems.ts';
import { checkText, MAX_DESCRIPTION } from '../../shared/text.rules.ts';
import type { Algorithm } from './image-content.ts';

// Lengths in code points.
const MAX_NAME = 256;
const MAX_FLAG = 64;

/** Checks what S1 says of an algorithm: vendor, name and type are required, counts are not negative. */
export function checkAlgorithm(algorithm: Algorithm, path: readonly string[], problems: Problems): void {
  for (const field of ['factory', 'name', 'type'] as const) {
    if (algorithm[field].trim() === '')
      problems.add('REQUIRED', [...path, field], `an algorithm needs a ${field}`);
    checkText(problems, [...path, field], algorithm[field], MAX_NAME);
  }
  checkText(problems, [...path, 'description'], algorithm.description, MAX_DESCRIPTION);
  checkText(problems, [...path, 'incidentId'], algorithm.incidentId, MAX_FLAG);
  checkText(problems, [...path, 'useableFlag'], algorithm.useableFlag, MAX_FLAG);
  checkWhole(problems, [...path, 'eventType'], algorithm.eventType, -MAX_INT - 1, MAX_INT);
  for (const field of ['tvChannels', 'pictures', 'frameInterval', 'frameNumber'] as const) {
    checkWhole(problems, [...path, field], algorithm[field], 0, MAX_INT);
  }
}
