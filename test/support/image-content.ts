import type { ApiClient } from './client.ts';
import { CONTENT_FIELDS, IMAGE_FIELDS, readImage } from './images.ts';

/** Everything that can be said about an image, as it is given and read back; what stands here is nowhere what an image has unsaid. */
export const WHOLE = {
  displayName: '普通整片转码',
  group: '媒体组',
  description: '🚀 line one\nline two',
  architecture: 'AARCH64',
  origin: 'IMAGE_SAVE',
  visibility: 'PUBLIC',
  serviceType: 'DEV',
  devServices: ['SSH'],
  resourceCategories: ['GPU', 'ASCEND'],
  flavorType: 'ASCEND_SNT9B',
  labels: [
    { key: 'k', value: 'v' },
    { key: 'empty', value: '' },
  ],
  price: '0.50',
  cover: 'https://pictures.example/cover.png?size=2#top',
  runtime: {
    command: ['python3', '/main.py', '--id={{inputs.id}}'],
    args: ['--verbose', ''],
    workingDir: '/home',
    env: [
      { name: 'CVSIP', value: '172.38.90.52:1,2' },
      { name: 'EMPTY', value: '' },
    ],
    ports: [
      { name: 'service1', containerPort: 5016, nodePort: 30016 },
      { name: 'service', containerPort: 8888, nodePort: null },
    ],
    mounts: ['/vse/logs', '/with,comma'],
    configFiles: ['/etc/fdfs/client.conf'],
    subPaths: [{ source: '/usr/lib64/a.so', destination: '/usr/lib/a.so.1' }],
    hostPaths: [{ source: '/home', destination: '/home' }],
    cpuRequests: 0,
    gpuRequests: 1000,
    memRequests: 2000,
    pvcSize: 2_147_483_647,
  },
  inputs: [
    {
      name: 'id',
      kind: 'INPUT',
      type: 'int',
      controls: 'number',
      default: '-1',
      displayName: '任务ID',
      index: 6,
    },
    {
      name: '格式',
      kind: 'INPUT',
      type: 'string',
      controls: 'input',
      default: null,
      displayName: null,
      index: 0,
    },
  ],
  outputs: [
    {
      name: 'o',
      kind: 'OUTPUT',
      type: 'string',
      controls: 'input',
      default: '',
      displayName: null,
      index: 8,
    },
  ],
  configs: [
    {
      name: 'c',
      kind: 'CONFIG',
      type: 'string',
      controls: 'input',
      default: '/c',
      displayName: 'C',
      index: 1,
    },
  ],
  algorithm: {
    factory: '易华录',
    name: '安全帽结构化',
    type: '0',
    description: '抽帧超压',
    eventType: 0,
    incidentId: '0',
    tvChannels: 0,
    pictures: 10,
    frameInterval: 1_800_000,
    frameNumber: 1,
    useableFlag: '0',
  },
} as const;

/** What an image has of which nothing is said, or all that can be is cleared. An algorithm keeps what it needs. */
export const BARE = {
  displayName: null,
  group: null,
  description: null,
  architecture: null,
  origin: 'CUSTOMIZE',
  visibility: 'PRIVATE',
  serviceType: 'UNKNOWN',
  devServices: [],
  resourceCategories: [],
  flavorType: null,
  labels: [],
  price: null,
  cover: null,
  runtime: {
    command: [],
    args: [],
    workingDir: null,
    env: [],
    ports: [],
    mounts: [],
    configFiles: [],
    subPaths: [],
    hostPaths: [],
    cpuRequests: null,
    gpuRequests: null,
    memRequests: null,
    pvcSize: null,
  },
  inputs: [],
  outputs: [],
  configs: [],
  algorithm: {
    factory: 'f',
    name: 'n',
    type: 't',
    description: null,
    eventType: null,
    incidentId: null,
    tvChannels: null,
    pictures: null,
    frameInterval: null,
    frameNumber: null,
    useableFlag: null,
  },
} as const;

type Nested = 'runtime' | 'algorithm';
const NESTED: readonly string[] = ['runtime', 'algorithm'] satisfies Nested[];

/** The path of each: `displayName`, `runtime.env`, `algorithm.type` and so on. */
export const FIELDS: readonly string[] = Object.keys(WHOLE).flatMap((name) =>
  NESTED.includes(name) ? Object.keys(WHOLE[name as Nested]).map((part) => `${name}.${part}`) : [name],
);

/** What one of {@link FIELDS} is in a content. */
export function valueAt(content: object, field: string): unknown {
  return field.split('.').reduce<unknown>((value, part) => (value as Record<string, unknown>)[part], content);
}

/** An input, or a part of what is read, that says this one thing. */
export function only(field: string, value: unknown): Record<string, unknown> {
  const [first = '', ...rest] = field.split('.');
  return { [first]: rest.length === 0 ? value : only(rest.join('.'), value) };
}

/** A content in which this one thing is another. */
export function withValue(content: object, field: string, value: unknown): Record<string, unknown> {
  const [first = '', ...rest] = field.split('.');
  const part = (content as Record<string, object>)[first] ?? {};
  return { ...content, [first]: rest.length === 0 ? value : withValue(part, rest.join('.'), value) };
}

/** What is said about an image now, as the database has it. */
export async function readContent(client: ApiClient, id: string): Promise<Record<string, unknown>> {
  return await readImage(client, id, `${IMAGE_FIELDS} version ${CONTENT_FIELDS}`);
}
