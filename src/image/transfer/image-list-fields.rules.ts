import type { z } from 'zod';
import {
  Architecture,
  DevService,
  FlavorType,
  ImageOrigin,
  ParameterKind,
  ResourceCategory,
  ServiceType,
  Visibility,
} from '../../shared/enums.ts';
import { parseImageReference } from '../../shared/image-reference.ts';
import type {
  AlgorithmChanges,
  ContentChanges,
  RuntimeChanges,
  RuntimeTexts,
} from '../content/image-content.ts';
import type { ImageLayer } from '../image.entity.ts';
import {
  byteCount,
  commaTexts,
  decimal,
  imageId,
  integer,
  listOf,
  objectOf,
  oneOf,
  quotedText,
  text,
  textOrTexts,
} from './image-list-values.rules.ts';

/** What a record of `image_list.json` tells besides what people say about the image. */
export interface ListedFacts {
  /** A UUID with dashes. */
  readonly id: string;
  /** The name in the catalogue, with the namespace (`algo/posterize`) or without. */
  readonly name: string;
  readonly tag: string;
  /** Only `0` is taken. */
  readonly deleted: string;
  /** As they were written. */
  readonly dependencies: readonly string[];
  readonly reference: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly layers: readonly ImageLayer[];
  readonly origin: ImageOrigin;
  /** Its name. */
  readonly workspace: string;
}

/** A key of the records of `image_list.json`, and where the catalogue has its value. */
export interface ListField {
  /** As the document's examples spell it. */
  readonly key: string;
  /** In {@link ListedFacts} or {@link ContentChanges}. */
  readonly path: readonly [string] | readonly ['runtime' | 'algorithm', string];
  /** What a value that is not blank must be; it comes out as the catalogue has it. */
  readonly value: z.ZodType;
  /** An empty text is a value too; absent: it is blank, as S1 writes what is not there. */
  readonly mayBeEmpty?: true;
}

type Value<T> = z.ZodType<NonNullable<T>>;

const fact = <K extends keyof ListedFacts>(
  key: string,
  name: K,
  value: Value<ListedFacts[K]>,
): ListField => ({ key, path: [name], value });

const content = <K extends keyof ContentChanges & string>(
  name: K,
  value: Value<ContentChanges[K]>,
): ListField => ({ key: name, path: [name], value });

const freeText = (name: 'displayName' | 'group' | 'description' | 'cover'): ListField => ({
  ...content(name, text),
  mayBeEmpty: true,
});

const runtime = <K extends keyof RuntimeChanges>(
  key: string,
  name: K,
  value: Value<RuntimeChanges[K]>,
): ListField => ({ key, path: ['runtime', name], value });

const algorithm = <K extends keyof AlgorithmChanges>(
  key: string,
  name: K,
  value: Value<AlgorithmChanges[K]>,
): ListField => ({ key, path: ['algorithm', name], value });

const live = text.refine((flag) => flag === '0', {
  error: 'a deleted image is not imported: leave the row out, or write "0"',
});
const digest = text.refine((given) => !('problem' in parseImageReference(`image@${given}`)), {
  error: 'must be a digest like sha256:<64 hex digits>',
});
const mapping = objectOf({ source: text, destination: text });
const port = objectOf({ name: text, containerPort: integer, nodePort: integer.nullish() });
const parameter = objectOf({
  name: text,
  kind: oneOf(ParameterKind).nullish(),
  type: text.nullish(),
  controls: text.nullish(),
  default: text.nullish(),
  displayName: text.nullish(),
  index: integer.nullish(),
});

/** The keys of S1's records, in their order. What is blank or absent is none. */
export const SEED_FIELDS: readonly ListField[] = [
  fact('imageId', 'id', imageId),
  fact('imageName', 'name', text),
  fact('imageTag', 'tag', quotedText),
  runtime('imagePorts', 'portsText', text),
  runtime('imageMount', 'mountsText', text),
  runtime('pvcSize', 'pvcSize', integer),
  algorithm('factory', 'factory', text),
  algorithm('algoName', 'name', text),
  algorithm('algoDesc', 'description', text),
  fact('deleteFlag', 'deleted', live),
  algorithm('tvChannel', 'tvChannels', integer),
  algorithm('pics', 'pictures', integer),
  runtime('cpuRequests', 'cpuRequests', integer),
  runtime('gpuRequests', 'gpuRequests', integer),
  runtime('memRequests', 'memRequests', integer),
  runtime('config', 'configFilesText', text),
  algorithm('algoType', 'type', text),
  algorithm('eventType', 'eventType', integer),
  runtime('subPath', 'subPathsText', text),
  runtime('hostPath', 'hostPathsText', text),
  runtime('workingDir', 'workingDir', text),
  runtime('env', 'envText', text),
  runtime('command', 'command', textOrTexts),
  runtime('args', 'args', textOrTexts),
  fact('dependencyServiceId', 'dependencies', commaTexts),
  algorithm('frameInterval', 'frameInterval', integer),
  algorithm('frameNumber', 'frameNumber', integer),
  algorithm('incidentId', 'incidentId', text),
  algorithm('useableFlag', 'useableFlag', text),
];

/** The keys that follow S1's in a record of ours, so that an export brings everything back. Absent is not mentioned, blank is none. */
export const OWN_FIELDS: readonly ListField[] = [
  // These stand only where S1's text cannot carry the list.
  runtime('imagePortsList', 'ports', listOf(port)),
  runtime('imageMountList', 'mounts', listOf(text)),
  runtime('configList', 'configFiles', listOf(text)),
  runtime('subPathList', 'subPaths', listOf(mapping)),
  runtime('hostPathList', 'hostPaths', listOf(mapping)),
  runtime('envList', 'env', listOf(objectOf({ name: text, value: text }))),
  fact('reference', 'reference', text),
  fact('digest', 'digest', digest),
  fact('sizeBytes', 'sizeBytes', byteCount),
  fact('layers', 'layers', listOf(objectOf({ digest, sizeBytes: byteCount, mediaType: text }))),
  content('architecture', oneOf(Architecture)),
  fact('origin', 'origin', oneOf(ImageOrigin)),
  fact('workspace', 'workspace', text),
  content('visibility', oneOf(Visibility)),
  content('serviceType', oneOf(ServiceType)),
  content('devServices', listOf(oneOf(DevService))),
  content('resourceCategories', listOf(oneOf(ResourceCategory))),
  content('flavorType', oneOf(FlavorType)),
  content('labels', listOf(objectOf({ key: text, value: text }))),
  freeText('displayName'),
  freeText('group'),
  freeText('description'),
  content('price', decimal),
  freeText('cover'),
  content('inputs', listOf(parameter)),
  content('outputs', listOf(parameter)),
  content('configs', listOf(parameter)),
];

/** All keys, in the order of a record. */
export const LIST_FIELDS: readonly ListField[] = [...SEED_FIELDS, ...OWN_FIELDS];

/** The lists that a record may have as a text of S1's and in their structured form. */
export const LISTS_WITH_TEXT = [
  { list: 'ports', text: 'portsText', listKey: 'imagePortsList', textKey: 'imagePorts' },
  { list: 'mounts', text: 'mountsText', listKey: 'imageMountList', textKey: 'imageMount' },
  { list: 'configFiles', text: 'configFilesText', listKey: 'configList', textKey: 'config' },
  { list: 'subPaths', text: 'subPathsText', listKey: 'subPathList', textKey: 'subPath' },
  { list: 'hostPaths', text: 'hostPathsText', listKey: 'hostPathList', textKey: 'hostPath' },
  { list: 'env', text: 'envText', listKey: 'envList', textKey: 'env' },
] as const satisfies readonly {
  list: keyof RuntimeChanges;
  text: keyof RuntimeTexts;
  listKey: string;
  textKey: string;
}[];

const KEYS: ReadonlyMap<string, string> = new Map([
  ...LIST_FIELDS.map(({ key, path }) => [path.join('.'), key] as const),
  ['namespace', 'imageName'],
  ['workspaceId', 'workspace'],
]);

/**
 * The document's key for a part of an image.
 *
 * @param path of a problem that other rules find, e.g. `['runtime', 'portsText', '1', 'name']`, which is in `imagePorts`
 * @returns `null` for what no key tells
 */
export function fieldOfPath(path: readonly string[]): string | null {
  return KEYS.get(partOfPath(path).join('.')) ?? null;
}

/** As much of a problem's path as leads to a value of a record. */
export function partOfPath(path: readonly string[]): readonly string[] {
  return path.slice(0, path[0] === 'runtime' || path[0] === 'algorithm' ? 2 : 1);
}
