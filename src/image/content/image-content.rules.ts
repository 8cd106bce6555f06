import { Problems } from '../../shared/problems.ts';
import { checkLabels, checkText, MAX_DESCRIPTION, MAX_DISPLAY_NAME } from '../../shared/text.rules.ts';
import { checkTemplate } from '../command/command-template.rules.ts';
import { checkAlgorithm } from './algorithm.rules.ts';
import {
  type Algorithm,
  type AlgorithmChanges,
  type ContentChanges,
  type GivenParameter,
  type ImageContent,
  type ImageParameter,
  type ImageRuntime,
  NO_CONTENT,
  NO_RUNTIME,
  type RuntimeChanges,
  type RuntimeTexts,
} from './image-content.ts';
import { checkKind, checkParameters } from './parameter.rules.ts';
import { checkRuntime } from './runtime.rules.ts';
import {
  parseConfigFiles,
  parseEnv,
  parseHostPaths,
  parseMounts,
  parsePorts,
  parseSubPaths,
} from './runtime-texts.rules.ts';

const MAX_GROUP = 256;
const MAX_COVER = 2048;
/** Each part has its own limit; all of them at their limits would be 40 MB in every list of images. */
const MAX_BYTES = 256 * 1024;
/** The reason is arithmetic on the other side: 15 digits are exact in a double. */
const MAX_PRICE_DIGITS = 15;

/**
 * What holds of an image after somebody has said more about it: what is absent stays, `null` clears.
 *
 * @returns the content, which is only good if nothing was added to `problems`
 */
export function changedContent(
  base: ImageContent,
  changes: ContentChanges,
  problems: Problems,
): ImageContent {
  const part = <K extends PlainPart>(name: K): ImageContent[K] => {
    const change = changes[name] as ImageContent[K] | null | undefined;
    return change === undefined ? base[name] : (change ?? NO_CONTENT[name]);
  };
  const list = (name: 'inputs' | 'outputs' | 'configs', kind: ImageParameterKind) =>
    changes[name] === undefined ? base[name] : changedParameters(name, kind, changes[name] ?? [], problems);
  const content: ImageContent = {
    displayName: part('displayName'),
    group: part('group'),
    description: part('description'),
    architecture: part('architecture'),
    visibility: part('visibility'),
    serviceType: part('serviceType'),
    devServices: changes.devServices === null ? [] : unique(part('devServices')),
    resourceCategories: unique(part('resourceCategories')),
    flavorType: part('flavorType'),
    labels: part('labels'),
    price: part('price')?.replace(/^0+(?=\d)/, '') ?? null,
    cover: part('cover'),
    runtime: changedRuntime(base.runtime, changes.runtime, problems),
    inputs: list('inputs', 'INPUT'),
    outputs: list('outputs', 'OUTPUT'),
    configs: list('configs', 'CONFIG'),
    algorithm: changedAlgorithm(base.algorithm, changes.algorithm, problems),
  };
  checkText(problems, ['displayName'], changes.displayName, MAX_DISPLAY_NAME);
  checkText(problems, ['group'], changes.group, MAX_GROUP);
  checkText(problems, ['description'], changes.description, MAX_DESCRIPTION);
  checkLabels(problems, ['labels'], changes.labels);
  checkPrice(changes.price, problems);
  checkCover(changes.cover, problems);
  checkParameters(content, problems);
  const size = Buffer.byteLength(JSON.stringify(content));
  if (size > MAX_BYTES) {
    const message = `all that is said of an image may take ${MAX_BYTES} bytes of JSON; this takes ${size}`;
    problems.add('TOO_LONG', [], message, { max: MAX_BYTES, current: size });
  } else {
    // A template of megabytes would take many seconds to read.
    checkTemplate(content, problems);
  }
  return content;
}

type PlainPart = Exclude<keyof ImageContent, 'runtime' | 'inputs' | 'outputs' | 'configs' | 'algorithm'>;
type ImageParameterKind = NonNullable<GivenParameter['kind']>;

const unique = <T>(values: readonly T[]): readonly T[] => [...new Set(values)];

/** Each list and how its text is read. */
const TEXTS = {
  env: { text: 'envText', parse: parseEnv },
  ports: { text: 'portsText', parse: parsePorts },
  mounts: { text: 'mountsText', parse: parseMounts },
  configFiles: { text: 'configFilesText', parse: parseConfigFiles },
  subPaths: { text: 'subPathsText', parse: parseSubPaths },
  hostPaths: { text: 'hostPathsText', parse: parseHostPaths },
} as const satisfies Partial<Record<keyof ImageRuntime, { text: keyof RuntimeTexts; parse: unknown }>>;

function changedRuntime(
  base: ImageRuntime,
  changes: RuntimeChanges | null | undefined,
  problems: Problems,
): ImageRuntime {
  if (changes === undefined) return base;
  if (changes === null) return NO_RUNTIME;
  const part = <K extends keyof ImageRuntime>(name: K): ImageRuntime[K] => {
    const change = changes[name] as ImageRuntime[K] | null | undefined;
    return change === undefined ? base[name] : (change ?? NO_RUNTIME[name]);
  };
  const list = <K extends keyof typeof TEXTS>(name: K): ImageRuntime[K] => {
    const { text, parse } = TEXTS[name];
    const given = changes[text];
    // Clients send null for the form that they do not use.
    if (typeof given !== 'string') {
      return given === null && changes[name] === undefined ? NO_RUNTIME[name] : part(name);
    }
    const path = ['runtime', text];
    const isBoth = changes[name] !== undefined && changes[name] !== null;
    if (isBoth) problems.add('NOT_ALLOWED', path, `give ${name} or ${text}, not both`);
    return parse(given, path, problems) as unknown as ImageRuntime[K];
  };
  const runtime: ImageRuntime = {
    command: part('command'),
    args: part('args'),
    // S1 writes an empty text for what is not there.
    workingDir: part('workingDir') || null,
    env: list('env'),
    // The input type leaves the port of the nodes out where there is none.
    ports: list('ports').map((port) => ({ ...port, nodePort: port.nodePort ?? null })),
    mounts: list('mounts'),
    configFiles: list('configFiles'),
    subPaths: list('subPaths'),
    hostPaths: list('hostPaths'),
    cpuRequests: part('cpuRequests'),
    gpuRequests: part('gpuRequests'),
    memRequests: part('memRequests'),
    pvcSize: part('pvcSize'),
  };
  const found = new Problems();
  checkRuntime(runtime, [], found);
  // What came as a text is told of where it came.
  for (const { code, message, path, details } of found.all) {
    const [first = '', ...rest] = path;
    const text = first in TEXTS ? TEXTS[first as keyof typeof TEXTS].text : null;
    const place = text !== null && typeof changes[text] === 'string' ? [text, ...rest] : path;
    problems.add(code, ['runtime', ...place], message, details);
  }
  return runtime;
}

function changedParameters(
  name: 'inputs' | 'outputs' | 'configs',
  kind: ImageParameterKind,
  given: readonly GivenParameter[],
  problems: Problems,
): ImageParameter[] {
  return given.map((parameter, index) => {
    checkKind(parameter.kind, kind, [name, String(index), 'kind'], problems);
    return {
      name: parameter.name,
      type: parameter.type ?? 'string',
      controls: parameter.controls ?? 'input',
      default: parameter.default ?? null,
      displayName: parameter.displayName ?? null,
      index: parameter.index ?? index,
    };
  });
}

function changedAlgorithm(
  base: Algorithm | null,
  changes: AlgorithmChanges | null | undefined,
  problems: Problems,
): Algorithm | null {
  if (changes === undefined) return base;
  if (changes === null) return null;
  const part = <K extends keyof Algorithm>(name: K): Algorithm[K] | null => {
    const change = changes[name] as Algorithm[K] | null | undefined;
    if (change === undefined) return base?.[name] ?? null;
    // S1 writes an empty text for what is not there.
    return change === '' ? null : change;
  };
  const algorithm: Algorithm = {
    // A missing one is found as an empty one is.
    factory: part('factory') ?? '',
    name: part('name') ?? '',
    type: part('type') ?? '',
    description: part('description'),
    eventType: part('eventType'),
    incidentId: part('incidentId'),
    tvChannels: part('tvChannels'),
    pictures: part('pictures'),
    frameInterval: part('frameInterval'),
    frameNumber: part('frameNumber'),
    useableFlag: part('useableFlag'),
  };
  checkAlgorithm(algorithm, ['algorithm'], problems);
  return algorithm;
}

function checkPrice(price: string | null | undefined, problems: Problems): void {
  if (price === null || price === undefined) return;
  if (price.startsWith('-')) {
    problems.add('OUT_OF_RANGE', ['price'], 'a price is not negative', { min: 0 });
  } else if (price.replace('.', '').length > MAX_PRICE_DIGITS) {
    const message = `a price has at most ${MAX_PRICE_DIGITS} digits`;
    problems.add('OUT_OF_RANGE', ['price'], message, { maxDigits: MAX_PRICE_DIGITS });
  }
}

function checkCover(cover: string | null | undefined, problems: Problems): void {
  if (cover === null || cover === undefined || cover === '') return;
  const before = problems.all.length;
  checkText(problems, ['cover'], cover, MAX_COVER);
  if (problems.all.length > before) return;
  // Parsing alone would take blanks and line ends, which it leaves out.
  if (!/^https?:\/\/\S+$/i.test(cover) || !URL.canParse(cover)) {
    const message = 'is not the address of a picture: begin with https:// or http://, and leave no blanks';
    problems.add('INVALID', ['cover'], message);
  }
}

/** The parts of an image's row that people say. */
export function contentOf(image: ImageContent): ImageContent {
  return Object.fromEntries(
    Object.keys(NO_CONTENT).map((name) => [name, image[name as keyof ImageContent]]),
  ) as unknown as ImageContent;
}
