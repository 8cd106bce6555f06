import { DEFAULT_NAMESPACE } from '../../namespace/namespace.rules.ts';
import { checkScopeName } from '../../scope/scope.rules.ts';
import { excerpt } from '../../shared/excerpt.ts';
import { Problems, type UserErrorCode } from '../../shared/problems.ts';
import type {
  Algorithm,
  AlgorithmChanges,
  ContentChanges,
  RuntimeChanges,
} from '../content/image-content.ts';
import type { ImageName } from '../dependency/image-dependency.rules.ts';
import { IMAGE_NAME, MAX_REGISTERED_NAME } from '../image.rules.ts';
import { checkTag, readReference } from '../image-name.rules.ts';
import {
  fieldOfPath,
  LIST_FIELDS,
  LISTS_WITH_TEXT,
  type ListedFacts,
  type ListField,
  OWN_FIELDS,
  SEED_FIELDS,
} from './image-list-fields.rules.ts';
import { imageId } from './image-list-values.rules.ts';

/** A record of `image_list.json`, read. What cannot be read is left out, and stands in the problems. */
export interface ListedRecord {
  /** A UUID with dashes; `null` where the record has none. */
  readonly imageId: string | null;
  /** As it stands in the record, cut to what a message quotes; `null` where it is no text. */
  readonly imageName: string | null;
  readonly imageTag: string | null;
  /** The name in the catalogue; `null` where it cannot be read. */
  readonly name: ImageName | null;
  /** `imageName:imageTag`, which S1 pulls; `null` where the name cannot be read. */
  readonly defaultReference: string | null;
  /** Of S1's keys all, `null` where the record has nothing; of our own those that the record mentions. */
  readonly changes: ContentChanges;
  /** Has it keys that S1 does not know? Then an export of ours has written it. */
  readonly isOurs: boolean;
  /** As they are written; empty where the record has none. */
  readonly dependencies: readonly string[];
  // `undefined`: the record does not mention it; `null`: it leaves it blank.
  readonly reference: string | null | undefined;
  readonly digest: string | null | undefined;
  /** Bytes. */
  readonly sizeBytes: number | null | undefined;
  readonly layers: ListedFacts['layers'] | null | undefined;
  readonly origin: ListedFacts['origin'] | null | undefined;
  /** Its name. */
  readonly workspace: string | null | undefined;
}

/** What holds where a record does not say it. */
export interface ImageListDefaults {
  /** For an `imageName` without one; absent: `default`. */
  readonly namespace?: string | null | undefined;
  /** For what a record with an algorithm leaves blank, e.g. `frameInterval`. */
  readonly algorithm?: AlgorithmChanges | null | undefined;
}

/** The documents spell one key as `imageports` and as `imagePorts`, so capitals do not count. */
const FIELD_OF_KEY: ReadonlyMap<string, ListField> = new Map(
  LIST_FIELDS.map((field) => [field.key.toLowerCase(), field]),
);

const SEED: ReadonlySet<ListField> = new Set(SEED_FIELDS);
const ALGORITHM_FIELDS = SEED_FIELDS.filter(({ path }) => path[0] === 'algorithm');

const REQUIRED = ['factory', 'name', 'type'] as const satisfies (keyof Algorithm)[];
/** S1's answers ask for this one too. A record of ours may lack it, as the image does. */
const REQUIRED_OF_UPLOAD = [...REQUIRED, 'frameInterval'] as const;

/** What the record has for each field that it mentions. */
type Values = ReadonlyMap<ListField, unknown>;

/** What the fields' paths lead to. What cannot be read is absent, what is blank is `null`. */
interface Parts {
  readonly plain: ContentChanges & { readonly [K in keyof ListedFacts]?: ListedFacts[K] | null };
  readonly runtime: RuntimeChanges;
  readonly algorithm: AlgorithmChanges;
}

/**
 * Reads a record.
 *
 * @param key what the record stands under; `null` in a list
 * @param problems gets what is wrong, with the document's key as path
 * @param onUnknownKey is told of each key that means nothing here
 */
export function readRecord(
  key: string | null,
  record: unknown,
  defaults: ImageListDefaults,
  problems: Problems,
  onUnknownKey: (key: string) => void,
): ListedRecord {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    problems.add('INVALID', [], 'must be an object with the keys of a record, such as imageName');
    return readRecord(key, {}, defaults, new Problems(), onUnknownKey);
  }
  const values = valuesOf(record, problems, onUnknownKey);
  const { plain, runtime, algorithm } = readParts(values, problems);
  const { id, name: imageName, tag: imageTag, deleted, reference, ...rest } = plain;
  const { dependencies, digest, sizeBytes, layers, origin, workspace, ...content } = rest;
  const isOurs = OWN_FIELDS.some((field) => values.has(field));
  const hasAlgorithm = !isOurs || ALGORITHM_FIELDS.some((field) => !isBlank(values.get(field)));
  if (typeof reference === 'string') readReference(reference, ['reference'], problems);
  const name = nameOf(imageName, imageTag, defaults.namespace || DEFAULT_NAMESPACE, problems);
  return {
    imageId: idOf(key, id, problems),
    imageName: imageName ? excerpt(imageName) : null,
    imageTag: imageTag ? excerpt(imageTag) : null,
    name,
    defaultReference: name && `${imageName}:${imageTag}`,
    changes: {
      ...content,
      runtime: inOneForm(runtime, problems),
      algorithm: hasAlgorithm ? algorithmOf(algorithm, defaults.algorithm ?? {}, isOurs, problems) : null,
    },
    isOurs,
    dependencies: dependencies ?? [],
    reference,
    digest,
    sizeBytes,
    layers,
    origin,
    workspace,
  };
}

/** S1 also writes an empty text for what is not there. */
function isBlank(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

function valuesOf(record: object, problems: Problems, onUnknownKey: (key: string) => void): Values {
  const values = new Map<ListField, unknown>();
  for (const [key, value] of Object.entries(record)) {
    const field = FIELD_OF_KEY.get(key.toLowerCase());
    if (field === undefined) onUnknownKey(key);
    else if (isBlank(values.get(field))) values.set(field, value);
    else if (!isBlank(value)) problems.add('DUPLICATE', [field.key], 'is there in two spellings of the key');
  }
  return values;
}

function readParts(values: Values, problems: Problems): Parts {
  const parts: Record<keyof Parts, Record<string, unknown>> = { plain: {}, runtime: {}, algorithm: {} };
  for (const field of LIST_FIELDS) {
    const given = values.get(field);
    if (given === undefined && !SEED.has(field)) continue;
    const isNone = field.mayBeEmpty ? given === null : isBlank(given);
    const value = isNone ? null : readValue(field, given, problems);
    if (value === undefined) continue;
    if (field.path.length === 1) parts.plain[field.path[0]] = value;
    else parts[field.path[0]][field.path[1]] = value;
  }
  return parts as unknown as Parts;
}

/** @returns `undefined` for what cannot be read */
function readValue(field: ListField, given: unknown, problems: Problems): unknown {
  const read = field.value.safeParse(given);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  if (issue === undefined) throw read.error;
  const where = issue.path.length === 0 ? '' : `at ${issue.path.join('.')}: `;
  const code: UserErrorCode = (issue.code === 'custom' && issue.params?.['code']) || 'INVALID';
  problems.add(code, [field.key], `${where}${issue.message}`);
  return undefined;
}

function idOf(key: string | null, id: string | null | undefined, problems: Problems): string | null {
  if (key === null || id === undefined) return id ?? null;
  const found = imageId.safeParse(key);
  if (!found.success || (id !== null && id !== found.data)) {
    const wrong = found.success ? 'is another image than' : 'needs a key of 32 hex digits, not';
    problems.add(
      'INVALID',
      ['imageId'],
      `${wrong} ${JSON.stringify(excerpt(key))}, which the record stands under`,
    );
  }
  return id ?? found.data ?? null;
}

/** S1's rule: of a name with several segments the first is the namespace. */
function nameOf(
  imageName: string | null | undefined,
  tag: string | null | undefined,
  defaultNamespace: string,
  problems: Problems,
): ImageName | null {
  const [atName, atTag] = [['imageName'], ['imageTag']];
  if (imageName === null) problems.add('REQUIRED', atName, 'must not be empty');
  if (tag === null) problems.add('REQUIRED', atTag, 'must not be empty');
  if (typeof tag === 'string') checkTag(tag, atTag, problems);
  if (typeof imageName !== 'string') return null;
  const slash = imageName.indexOf('/');
  const namespace = slash < 0 ? defaultNamespace : imageName.slice(0, slash);
  const name = imageName.slice(slash + 1);
  if (slash >= 0) checkScopeName(problems, atName, namespace);
  if (name.length > MAX_REGISTERED_NAME) {
    problems.add('TOO_LONG', atName, `may have at most ${MAX_REGISTERED_NAME} characters`);
  } else if (!IMAGE_NAME.test(name)) {
    const message = `${JSON.stringify(excerpt(name))} is no name: write namespace/name or name, in lower-case letters and digits with . _ - between them, and the tag in imageTag`;
    problems.add('PATTERN', atName, message);
  }
  const isGood = typeof tag === 'string' && !problems.has(atName) && !problems.has(atTag);
  return isGood ? { namespace, name, tag } : null;
}

/** Each list in its structured form or as a text, not in both. */
function inOneForm(runtime: RuntimeChanges, problems: Problems): RuntimeChanges {
  const given: { -readonly [K in keyof RuntimeChanges]: RuntimeChanges[K] } = { ...runtime };
  for (const { list, text, listKey, textKey } of LISTS_WITH_TEXT) {
    if (given[list] === undefined) continue;
    if (given[list] !== null && given[text] !== null) {
      problems.add('NOT_ALLOWED', [listKey], `give ${textKey} or ${listKey}, not both`);
    }
    delete given[given[list] === null ? list : text];
  }
  return given;
}

function algorithmOf(
  given: AlgorithmChanges,
  defaults: AlgorithmChanges,
  isOurs: boolean,
  problems: Problems,
): AlgorithmChanges {
  const filled: AlgorithmChanges = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, value ?? defaults[name as keyof Algorithm] ?? null]),
  );
  for (const name of isOurs ? REQUIRED : REQUIRED_OF_UPLOAD) {
    if (filled[name] !== null) continue;
    const message = 'must not be empty';
    problems.add('REQUIRED', [fieldOfPath(['algorithm', name]) ?? name], message);
  }
  return filled;
}
