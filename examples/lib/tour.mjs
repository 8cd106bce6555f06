// What every tour does around what it shows.
import { settings } from '../../scripts/env-file.mjs';
import { readOptions } from './options.mjs';

export const say = (text) => process.stdout.write(`${text}\n`);
export const title = (text) => say(`\n== ${text}`);

/** @throws Error with `message` where something is not as the API promises */
export function check(isTrue, message) {
  if (!isTrue) throw new Error(message);
}

/** Ends the tour with code 1. */
export function stop(message) {
  process.stderr.write(`\nThe tour stopped: ${message}\n`);
  process.exit(1);
}

/** Runs a tour with what the command line and the settings say, or shows how it is used. */
export async function runTour(tour, usage) {
  try {
    const options = readOptions(process.argv.slice(2), settings());
    if (options.help) say(usage);
    else await tour(options);
  } catch (error) {
    stop(error.message);
  }
}
