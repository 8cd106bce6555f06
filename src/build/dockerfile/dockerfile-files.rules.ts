/** What tools that read tars and layers commonly take; Linux itself takes 4,096. */
const MAX_PATH_BYTES = 1024;
/** Far beyond any real source tree. Each folder above a file is an entry of its own in what the engine is sent. */
const MAX_PATH_PARTS = 64;

/** What is wrong with the path of a build's file, and what to do; `null` for a sound one. PURE. */
export function pathProblem(path: string): string | null {
  const parts = path.split('/');
  const isInside =
    !path.includes('\\') &&
    path.isWellFormed() &&
    !/\p{Cc}/u.test(path) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isInside) return 'a relative path inside the context, without "..", e.g. src/train.py';
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_PATH_BYTES) return `a path may have at most ${MAX_PATH_BYTES} bytes; this has ${bytes}`;
  if (parts.length > MAX_PATH_PARTS) {
    return `a path may have at most ${MAX_PATH_PARTS} parts between slashes; this has ${parts.length}`;
  }
  return null;
}

/** Steps of matching patterns against paths, some 100 ms of them. Patterns beyond are taken to match: the engine has the word. */
const MAX_STEPS = 10_000_000;

/**
 * Looks up what COPY names: a file, a folder with files in it, or a pattern that one of these matches. PURE.
 *
 * @param files paths from the context's root
 */
export function contextLookup(files: readonly string[]): (source: string) => boolean {
  // No build takes the others, and they could be deep enough to hold everybody up.
  const sound = files.map(normalise).filter((path) => pathProblem(path) === null);
  const paths = new Set([...sound, ...foldersOf(sound)]);
  let steps = 0;
  return (source) => {
    const path = normalise(source);
    if (path === '' || paths.has(path)) return true;
    if (!/[*?[]/.test(path)) return false;
    const pattern = readPattern(path);
    if (pattern === null) return true;
    for (const one of paths) {
      steps += pattern.length * one.length;
      if (steps > MAX_STEPS || matches(pattern, one)) return true;
    }
    return false;
  };
}

/** The folders that files are in, each once. PURE. @param files paths without {@link pathProblem} */
export function foldersOf(files: readonly string[]): Set<string> {
  const folders = new Set<string>();
  for (const file of files) {
    // Upwards until a folder is known: then those above it are, too.
    for (let end = file.lastIndexOf('/'); end > 0; end = file.lastIndexOf('/', end - 1)) {
      const folder = file.slice(0, end);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  return folders;
}

/** The path from the context's root, with `.` and `..` resolved and never above the root, as engines do it. */
function normalise(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** One character that passes, or any number of those that pass. */
interface PatternPart {
  readonly passes: (character: string) => boolean;
  readonly isRepeated: boolean;
}

const anything = () => true;
const inName = (character: string) => character !== '/';

/** Go's `filepath.Match`, and `**` as newer engines have it; `null` for a pattern that is malformed. */
function readPattern(source: string): PatternPart[] | null {
  const parts: PatternPart[] = [];
  const token = /(\*\*\/?)|(\*)|(\?)|\[(\^?)((?:\\.|[^\]\\])+)\]|\\?([^[])/gsuy;
  while (token.lastIndex < source.length) {
    const found = token.exec(source);
    if (found === null) return null;
    const [, deep, star, one, not, list, plain] = found;
    if (deep !== undefined) parts.push({ passes: anything, isRepeated: true });
    else if (star !== undefined) parts.push({ passes: inName, isRepeated: true });
    else if (one !== undefined) parts.push({ passes: inName, isRepeated: false });
    else if (list !== undefined) {
      const set = characterSet(`[${not ?? ''}${list.replace(/\\?\[/g, '\\[')}]`);
      if (set === null) return null;
      parts.push({ passes: (character) => set.test(character), isRepeated: false });
    } else parts.push({ passes: (character) => character === plain, isRepeated: false });
  }
  return parts;
}

function characterSet(source: string): RegExp | null {
  try {
    return new RegExp(`^${source}$`);
  } catch {
    return null;
  }
}

/** Follows all ways through the pattern at once: a regular expression would take them one by one, more than there is time for. */
function matches(pattern: readonly PatternPart[], path: string): boolean {
  let at = reachable(pattern, [0]);
  for (const character of path) {
    const next = new Set<number>();
    for (const index of at) {
      const part = pattern[index];
      if (part?.passes(character)) next.add(part.isRepeated ? index : index + 1);
    }
    if (next.size === 0) return false;
    at = reachable(pattern, next);
  }
  return at.has(pattern.length);
}

/** These places, and those behind a part that may stand for nothing. */
function reachable(pattern: readonly PatternPart[], places: Iterable<number>): Set<number> {
  const found = new Set(places);
  // A set gives what is added to it while it is read, too.
  for (const index of found) if (pattern[index]?.isRepeated) found.add(index + 1);
  return found;
}
