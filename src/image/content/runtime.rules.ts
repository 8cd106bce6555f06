import { posix } from 'node:path';
import { excerpt } from '../../shared/excerpt.ts';
import { checkWhole, MAX_INT } from '../../shared/number.rules.ts';
import type { Problems } from '../../shared/problems.ts';
import { checkText } from '../../shared/text.rules.ts';
import type { EnvVar, ImageRuntime, PathMapping, Port } from './image-content.ts';

/** How many entries each list of an {@link ImageRuntime} may have. */
export const MAX_ENTRIES = 256;
const MAX_PORT = 65_535;
// Lengths in code points. 4096 is Linux's own limit for a path.
const MAX_NAME = 256;
const MAX_PATH = 4096;
const MAX_TEXT = 32_768;

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
/** These make programs load code that is not the image's own; Shipwright refuses the same ones. */
const FORBIDDEN_ENV: ReadonlySet<string> = new Set(['LD_PRELOAD', 'BASH_ENV', 'NODE_OPTIONS']);

/** The entries of a list; `null` keeps the place of one that could not be read, and is not checked. */
type Entries<T> = readonly (T | null)[];

/** Checks how containers are started, whichever way it was given. */
export function checkRuntime(runtime: ImageRuntime, path: readonly string[], problems: Problems): void {
  checkArguments(runtime.command, [...path, 'command'], problems);
  if (runtime.command[0]?.trim() === '') {
    const message = "is empty: the first element names the program; without elements the image's own is run";
    problems.add('REQUIRED', [...path, 'command', '0'], message);
  }
  checkArguments(runtime.args, [...path, 'args'], problems);
  if (runtime.workingDir !== null) checkPath(runtime.workingDir, [...path, 'workingDir'], problems);
  checkEnv(runtime.env, [...path, 'env'], problems);
  checkPorts(runtime.ports, [...path, 'ports'], problems);
  checkPaths(runtime.mounts, [...path, 'mounts'], problems);
  checkPaths(runtime.configFiles, [...path, 'configFiles'], problems);
  checkMappings(runtime.subPaths, [...path, 'subPaths'], problems);
  checkMappings(runtime.hostPaths, [...path, 'hostPaths'], problems);
  for (const name of ['cpuRequests', 'gpuRequests', 'memRequests', 'pvcSize'] as const) {
    checkWhole(problems, [...path, name], runtime[name], 0, MAX_INT);
  }
}

/** Ports from 1 to 65535; a name or a port of the nodes only once. */
export function checkPorts(ports: Entries<Port>, path: readonly string[], problems: Problems): void {
  const names = new Repeats(problems);
  const nodePorts = new Repeats(problems);
  checkEach(ports, path, problems, ({ name, containerPort, nodePort }, at) => {
    checkLine(name, [...at, 'name'], MAX_NAME, problems);
    names.check(name, [...at, 'name'], name);
    checkWhole(problems, [...at, 'containerPort'], containerPort, 1, MAX_PORT);
    checkWhole(problems, [...at, 'nodePort'], nodePort, 1, MAX_PORT);
    if (nodePort !== null) nodePorts.check(nodePort, [...at, 'nodePort'], String(nodePort));
  });
}

/** Names that a shell can set, each once, and none that loads foreign code. */
export function checkEnv(env: Entries<EnvVar>, path: readonly string[], problems: Problems): void {
  const names = new Repeats(problems);
  checkEach(env, path, problems, ({ name, value }, at) => {
    checkLine(name, [...at, 'name'], MAX_NAME, problems);
    if (name !== '' && !ENV_NAME.test(name)) {
      const message = 'has letters, digits, _ . and - only, and starts with a letter or _';
      problems.add('PATTERN', [...at, 'name'], message, { pattern: ENV_NAME.source });
    }
    if (FORBIDDEN_ENV.has(name)) {
      const message = `${name} may not be set: it makes programs load code that is not the image's; leave it out`;
      problems.add('NOT_ALLOWED', [...at, 'name'], message, { forbidden: [...FORBIDDEN_ENV] });
    }
    names.check(name, [...at, 'name'], name);
    checkText(problems, [...at, 'value'], value, MAX_TEXT);
  });
}

/** Absolute paths, each place once. */
export function checkPaths(paths: Entries<string>, path: readonly string[], problems: Problems): void {
  const places = new Repeats(problems);
  checkEach(paths, path, problems, (entry, at) => {
    checkPath(entry, at, problems);
    places.check(placeOf(entry), at, entry);
  });
}

/** Absolute paths on both sides; what is there may be seen at many places, each place shows one thing. */
export function checkMappings(
  mappings: Entries<PathMapping>,
  path: readonly string[],
  problems: Problems,
): void {
  const destinations = new Repeats(problems);
  checkEach(mappings, path, problems, ({ source, destination }, at) => {
    checkPath(source, [...at, 'source'], problems);
    checkPath(destination, [...at, 'destination'], problems);
    destinations.check(placeOf(destination), [...at, 'destination'], destination);
  });
}

/** Tells whether a list may be looked through entry by entry. */
export function checkSize(size: number, path: readonly string[], problems: Problems): boolean {
  if (size <= MAX_ENTRIES) return true;
  const message = `may have at most ${MAX_ENTRIES} entries; these are ${size}`;
  problems.add('TOO_MANY', path, message, { max: MAX_ENTRIES, current: size });
  return false;
}

function checkArguments(words: readonly string[], path: readonly string[], problems: Problems): void {
  checkEach(words, path, problems, (word, at) => checkText(problems, at, word, MAX_TEXT));
}

function checkEach<T>(
  entries: Entries<T>,
  path: readonly string[],
  problems: Problems,
  check: (entry: T, at: readonly string[]) => void,
): void {
  if (!checkSize(entries.length, path, problems)) return;
  for (const [index, entry] of entries.entries()) {
    if (entry !== null) check(entry, [...path, String(index)]);
  }
}

function checkPath(text: string, path: readonly string[], problems: Problems): void {
  checkLine(text, path, MAX_PATH, problems);
  if (text === '' || isFarTooLong(text)) return;
  if (!text.startsWith('/')) {
    const message = `${JSON.stringify(excerpt(text))} is not an absolute path: begin it with /`;
    problems.add('INVALID', path, message);
  }
  if (text.split('/').includes('..')) {
    problems.add('INVALID', path, `${JSON.stringify(excerpt(text))} holds "..": write out where it leads`);
  }
}

/** A text that must be there, on one line. */
function checkLine(text: string, path: readonly string[], max: number, problems: Problems): void {
  if (text === '') problems.add('REQUIRED', path, 'must not be empty');
  if (/[\t\n\r]/.test(text)) problems.add('INVALID', path, 'holds a tab or a line end');
  checkText(problems, path, text, max);
}

/** So that taking it apart would keep others waiting; that it is too long has been said. */
function isFarTooLong(path: string): boolean {
  return path.length > 2 * MAX_PATH;
}

/** The same for all spellings of a path: `/a`, `/a/`, `//a` and `/./a`. */
function placeOf(path: string): string {
  if (isFarTooLong(path)) return path;
  return posix.normalize(`/${path}/`).replace(/^\/+/, '/');
}

/** Finds what is there a second time. */
class Repeats {
  readonly #seen = new Set<string | number>();
  readonly #problems: Problems;

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  check(key: string | number, path: readonly string[], written: string): void {
    if (key !== '' && this.#seen.has(key)) {
      this.#problems.add('DUPLICATE', path, `${JSON.stringify(excerpt(written))} is there twice`);
    }
    this.#seen.add(key);
  }
}
