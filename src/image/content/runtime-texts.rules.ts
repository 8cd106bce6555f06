import { excerpt } from '../../shared/excerpt.ts';
import type { Problems } from '../../shared/problems.ts';
import type { EnvVar, PathMapping, Port } from './image-content.ts';
import { checkEnv, checkMappings, checkPaths, checkPorts, checkSize } from './runtime.rules.ts';

// The lists of an image's runtime as the texts that S1 keeps them in: entries between commas, parts between colons. Nothing
// can be escaped there, so some values have no text.

/**
 * Reads a list from its text. A blank text is an empty list; blanks around an entry do not count.
 *
 * @param path of the text in the input; the problem of an entry is found at its index below that
 * @returns the list, whose values are still to be checked; empty if an entry cannot be read, and then the others are checked
 */
export type ParseList<T> = (text: string, path: readonly string[], problems: Problems) => T[];

/** The text of a list, `null` for an empty one; or why it has none, as a sentence. */
export type PrintedList = { readonly text: string | null } | { readonly problem: string };

export type PrintList<T> = (list: readonly T[]) => PrintedList;

/** How one entry of a list is written. */
interface Form<T> {
  /** For people, with an example. */
  readonly written: string;
  /** @returns `null` if the text is not of this form */
  read(text: string): T | null;
  print(entry: T): string;
  /** The parts that end at the first colon, or must not hold one. */
  colonFree(entry: T): readonly string[];
  /** Checks the values; `null` keeps the place of an entry that could not be read. */
  check(list: readonly (T | null)[], path: readonly string[], problems: Problems): void;
}

const PORTS: Form<Port> = {
  written: 'name:containerPort or name:containerPort:nodePort, e.g. http:8080:30080',
  read: (text) => {
    const [, name, containerPort, nodePort] = /^([^:]*):(\d+)(?::(\d+))?$/.exec(text) ?? [];
    if (name === undefined) return null;
    return {
      name,
      containerPort: Number(containerPort),
      nodePort: nodePort === undefined ? null : Number(nodePort),
    };
  },
  print: ({ name, containerPort, nodePort }) =>
    `${name}:${containerPort}${nodePort === null ? '' : `:${nodePort}`}`,
  colonFree: ({ name }) => [name],
  check: checkPorts,
};

const ENV: Form<EnvVar> = {
  written: 'name:value, e.g. CVSPORT:11112',
  read: (text) => {
    const colon = text.indexOf(':');
    return colon < 0 ? null : { name: text.slice(0, colon), value: text.slice(colon + 1) };
  },
  print: ({ name, value }) => `${name}:${value}`,
  colonFree: ({ name }) => [name],
  check: checkEnv,
};

const PATHS: Form<string> = {
  written: 'an absolute path, e.g. /data/videos',
  read: (text) => text,
  print: (path) => path,
  colonFree: () => [],
  check: checkPaths,
};

const MAPPINGS: Form<PathMapping> = {
  written: 'source:destination with exactly one colon, e.g. /home:/home',
  read: (text) => {
    const [source = '', destination, ...more] = text.split(':');
    return destination === undefined || more.length > 0 ? null : { source, destination };
  },
  print: ({ source, destination }) => `${source}:${destination}`,
  colonFree: ({ source, destination }) => [source, destination],
  check: checkMappings,
};

/** S1's `imagePorts`: `service1:5016:30016,service:8888`. */
export const parsePorts = parserOf(PORTS);
export const printPorts = printerOf(PORTS);

/** S1's `env`: `CVSIP:172.38.90.52,CVSPORT:11112`; a value may hold colons. */
export const parseEnv = parserOf(ENV);
export const printEnv = printerOf(ENV);

/** S1's `imageMount`: `/vse/logs,/data/videos`. */
export const parseMounts = parserOf(PATHS);
export const printMounts = printerOf(PATHS);

/** S1's `config`: `/etc/fdfs/client.conf,/app/application.properties`. */
export const parseConfigFiles = parserOf(PATHS);
export const printConfigFiles = printerOf(PATHS);

/** S1's `subPath`: `/usr/lib64/a.so:/usr/lib/a.so`. */
export const parseSubPaths = parserOf(MAPPINGS);
export const printSubPaths = printerOf(MAPPINGS);

/** S1's `hostPath`: `/home:/home`. */
export const parseHostPaths = parserOf(MAPPINGS);
export const printHostPaths = printerOf(MAPPINGS);

function parserOf<T>(form: Form<T>): ParseList<T> {
  return (text, path, problems) => {
    if (text.trim() === '') return [];
    const texts = text.split(',');
    if (!checkSize(texts.length, path, problems)) return [];
    const list = texts.map((entryText, index) => {
      const written = entryText.trim();
      const entry = written === '' ? null : form.read(written);
      if (entry === null) {
        const wrong =
          written === ''
            ? 'nothing stands between two commas'
            : `cannot read ${JSON.stringify(excerpt(written))}`;
        problems.add('INVALID', [...path, String(index)], `${wrong}; an entry is ${form.written}`);
      }
      return entry;
    });
    const read = list.filter((entry) => entry !== null);
    if (read.length === list.length) return read;
    // Nobody can check a list with entries missing: their places would be lost.
    form.check(list, path, problems);
    return [];
  };
}

function printerOf<T>(form: Form<T>): PrintList<T> {
  return (list) => {
    const texts = list.map((entry) => form.print(entry));
    for (const [index, text] of texts.entries()) {
      const reason = whyUnreadable(text, form.colonFree(list[index] as T));
      if (reason !== null) return { problem: `entry ${index} ${reason}, which the text form cannot say` };
    }
    return { text: texts.length === 0 ? null : texts.join(',') };
  };
}

function whyUnreadable(text: string, colonFree: readonly string[]): string | null {
  if (text === '') return 'is empty';
  if (text.includes(',')) return 'holds a comma';
  if (text !== text.trim()) return 'begins or ends with a blank';
  return colonFree.some((part) => part.includes(':')) ? 'holds a colon in its name or path' : null;
}
