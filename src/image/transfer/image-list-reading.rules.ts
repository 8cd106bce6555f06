import { excerpt } from '../../shared/excerpt.ts';
import { type Problem, Problems, type UserErrorCode } from '../../shared/problems.ts';
import { printImageName } from '../dependency/image-dependency.rules.ts';
import { fieldOfPath, partOfPath } from './image-list-fields.rules.ts';
import { type DocumentProblem, type RepeatedKey, readJson } from './image-list-json.rules.ts';
import { type ImageListDefaults, type ListedRecord, readRecord } from './image-list-row.rules.ts';
import { UnknownKeys } from './image-list-unknown-keys.rules.ts';

export interface ImageListRow extends ListedRecord {
  /** The record's place in the document, from 0. */
  readonly index: number;
  /** All that is wrong with how the record is written, and where it collides with other rows. */
  readonly errors: readonly RowError[];
}

export interface RowError {
  /** The document's key, e.g. `imagePorts`; `null`: the record as a whole. */
  readonly field: string | null;
  readonly code: UserErrorCode;
  /** What is wrong and what to do. */
  readonly message: string;
}

export interface ImageList {
  readonly rows: readonly ImageListRow[];
  /** What is ignored in the document, for people. */
  readonly warnings: readonly string[];
}

/** An import of more would keep its transaction, and who waits for it, for minutes: 10,000 take some 4 s. */
const MAX_ROWS = 50_000;

/**
 * Reads the file `image_list.json` that S1's `_load` gives and `_upload` takes: an object of records by their image ids, S1's
 * answer around one or around the list of a search, or a list of records. Each row is a step: 50,000 take 2 s.
 *
 * @returns the rows, or why the document cannot be read at all
 */
export function* readImageList(
  text: string,
  defaults: ImageListDefaults = {},
): Generator<void, ImageList | { readonly problem: DocumentProblem }> {
  const document = readJson(text);
  if ('problem' in document) return document;
  const found = findRecords(document.value, []);
  if ('wrong' in found) return { problem: { message: found.wrong, line: 1, column: 1 } };
  const { path, records } = found;
  if (records.length > MAX_ROWS) {
    const message = `the document has ${records.length} records; import at most ${MAX_ROWS} at once`;
    return { problem: { message, line: 1, column: 1, tooMany: { max: MAX_ROWS, current: records.length } } };
  }
  const twice = document.repeated.find((key) => isPrefix(key.path, path));
  if (twice !== undefined) {
    const message = `the document has ${JSON.stringify(path.at(-1))} again in line ${twice.line}; put all records into one`;
    return { problem: { message, line: twice.line, column: 1 } };
  }
  const repeated = Map.groupBy(
    document.repeated.filter((key) => isPrefix(path, key.path)),
    (key) => key.path[path.length],
  );
  const unknownKeys = new UnknownKeys();
  const ids = new FirstRows();
  const names = new FirstRows();
  const rows: ImageListRow[] = [];
  for (const [index, { key, record }] of records.entries()) {
    yield;
    const problems = new Problems();
    const image = readRecord(key, record, defaults, problems, (unknown) => unknownKeys.add(unknown));
    ids.check(image.imageId, index, ['imageId'], problems);
    names.check(image.name && printImageName(image.name), index, ['imageName'], problems);
    for (const repeat of repeated.get(key ?? index) ?? []) addRepeat(repeat, path.length, problems);
    const errors = problems.all.map(({ code, message, path: [field = null] }) => ({ field, code, message }));
    rows.push({ ...image, index, errors });
  }
  return { rows, warnings: unknownKeys.warnings };
}

/**
 * A row's errors after its content was checked. Of a field that could not be read nothing more is said.
 *
 * @param problems of the content, with paths such as `['runtime', 'portsText', '1', 'name']`
 */
export function withContentErrors(row: ImageListRow, problems: readonly Problem[]): RowError[] {
  const told = new Set(row.errors.map(({ field }) => field));
  const found = problems.map(({ code, message, path }): RowError => {
    const within = path.slice(partOfPath(path).length).join('.');
    return { field: fieldOfPath(path), code, message: within === '' ? message : `at ${within}: ${message}` };
  });
  return [...row.errors, ...found.filter(({ field }) => field === null || !told.has(field))];
}

type Found =
  | { readonly path: readonly string[]; readonly records: { key: string | null; record: unknown }[] }
  | { readonly wrong: string };

/** What stands beside the records in S1's answers; its example of `_load` has `msg` among the records. */
const BESIDE_RECORDS: ReadonlySet<string> = new Set(['status', 'msg']);

function findRecords(value: unknown, path: readonly string[]): Found {
  if (Array.isArray(value)) return { path, records: value.map((record) => ({ key: null, record })) };
  if (typeof value !== 'object' || value === null) {
    const where = path.length === 0 ? 'the document' : JSON.stringify(path.join('.'));
    return {
      wrong: `${where} holds no records: give an object of records by their image ids, or a list of them`,
    };
  }
  const members = new Map<string, unknown>(Object.entries(value));
  for (const wrapper of ['res', 'data']) {
    if (members.has(wrapper)) return findRecords(members.get(wrapper), [...path, wrapper]);
  }
  if (typeof members.get('imageName') === 'string') {
    return { wrong: 'the document is a single record: put it into a list, between [ and ]' };
  }
  const records = [...members].filter(
    ([key, record]) => typeof record !== 'string' || !BESIDE_RECORDS.has(key),
  );
  return { path, records: records.map(([key, record]) => ({ key, record })) };
}

function isPrefix(short: RepeatedKey['path'], long: RepeatedKey['path']): boolean {
  return short.every((segment, index) => segment === long[index]);
}

/** @param depth of the records */
function addRepeat({ path, line }: RepeatedKey, depth: number, problems: Problems): void {
  const field = path[depth + 1];
  const what = field === undefined ? 'stands in the document twice' : 'is in the record twice';
  const at = field === undefined ? [] : [excerpt(String(field))];
  problems.add('DUPLICATE', at, `${what}, again in line ${line}; only the last one would count`);
}

/** Finds rows that are alike. */
class FirstRows {
  readonly #first = new Map<string, number>();

  check(key: string | null, index: number, path: readonly string[], problems: Problems): void {
    if (key === null) return;
    const first = this.#first.get(key);
    if (first === undefined) this.#first.set(key, index);
    else problems.add('DUPLICATE', path, `row ${first} has ${key} already; leave one of them out`);
  }
}
