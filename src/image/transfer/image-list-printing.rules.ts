import { DEFAULT_NAMESPACE } from '../../namespace/namespace.rules.ts';
import type { ImageContent, ImageParameter, ImageRuntime } from '../content/image-content.ts';
import type { ParameterList } from '../content/parameter.rules.ts';
import {
  type PrintedList,
  printConfigFiles,
  printEnv,
  printHostPaths,
  printMounts,
  printPorts,
  printSubPaths,
} from '../content/runtime-texts.rules.ts';
import type { ImageName } from '../dependency/image-dependency.rules.ts';
import { type ListedFacts, type ListField, OWN_FIELDS, SEED_FIELDS } from './image-list-fields.rules.ts';

/** All that a record of `image_list.json` tells of an image. */
export interface PrintableImage
  extends ImageContent,
    ImageName,
    Pick<ListedFacts, 'reference' | 'layers' | 'origin' | 'workspace' | 'dependencies'> {
  /** A UUID with dashes. */
  readonly id: string;
  readonly digest: string | null;
  /** Bytes. */
  readonly sizeBytes: number | null;
}

/** An image's id as S1 writes it, and the key of its record: 32 hex digits. */
export function imageIdOf(uuid: string): string {
  return uuid.replaceAll('-', '');
}

/** A record of `image_list.json`, its keys in the document's order; reading it brings the image back. */
export function printImageRecord(image: PrintableImage): Record<string, unknown> {
  const parts = {
    ...image,
    id: imageIdOf(image.id),
    name: printName(image),
    deleted: '0',
    dependencies: image.dependencies.length === 0 ? null : image.dependencies.join(','),
    runtime: printRuntime(image.runtime),
    algorithm: image.algorithm ?? {},
    inputs: printParameters(image, 'inputs', 'input'),
    outputs: printParameters(image, 'outputs', 'output'),
    configs: printParameters(image, 'configs', 'config'),
  };
  const record: Record<string, unknown> = {};
  for (const field of SEED_FIELDS) record[field.key] = partOf(parts, field) ?? null;
  for (const field of OWN_FIELDS) {
    const part = partOf(parts, field);
    if (part !== undefined) record[field.key] = part;
  }
  return record;
}

function partOf(parts: object, { path }: ListField): unknown {
  return path.reduce<unknown>((part, name) => (part as Readonly<Record<string, unknown>>)[name], parts);
}

/** S1's names in `default` have no namespace; one of several segments would begin with it. */
function printName({ namespace, name }: ImageName): string {
  return namespace === DEFAULT_NAMESPACE && !name.includes('/') ? name : `${namespace}/${name}`;
}

/** The runtime with its lists as texts; a list stays beside them only where its text cannot carry it. */
function printRuntime(runtime: ImageRuntime) {
  const { env, ports, mounts, configFiles, subPaths, hostPaths, command, args, ...numbers } = runtime;
  return {
    ...numbers,
    command: printWords(command),
    args: printWords(args),
    ...printList('env', env, printEnv(env)),
    ...printList('ports', ports, printPorts(ports)),
    ...printList('mounts', mounts, printMounts(mounts)),
    ...printList('configFiles', configFiles, printConfigFiles(configFiles)),
    ...printList('subPaths', subPaths, printSubPaths(subPaths)),
    ...printList('hostPaths', hostPaths, printHostPaths(hostPaths)),
  };
}

function printList(name: string, list: readonly unknown[], printed: PrintedList) {
  return 'problem' in printed ? { [name]: list } : { [`${name}Text`]: printed.text };
}

/** S1 has one text; an empty one would be none. */
function printWords(words: readonly string[]): string | readonly string[] | null {
  if (words.length === 0) return null;
  return words.length === 1 && words[0] !== '' ? (words[0] as string) : words;
}

/** As S0 writes them. */
function printParameters(image: PrintableImage, list: ParameterList, kind: string) {
  return image[list].map((parameter: ImageParameter) => ({
    controls: parameter.controls,
    default: parameter.default,
    displayName: parameter.displayName,
    index: parameter.index,
    kind,
    name: parameter.name,
    type: parameter.type,
  }));
}
