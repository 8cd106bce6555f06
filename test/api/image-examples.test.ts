import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import {
  CONTENT_FIELDS,
  deleteImage,
  IMAGE_FIELDS,
  imageOf,
  makeImage,
  readImage,
} from '../support/images.ts';

// The documents' own requests, word for word where GraphQL has the same words: what differs is said beside it.

let slipway: TestApp;
let admin: ApiClient;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

interface Answer {
  readonly image: Record<string, unknown> & { readonly id: string };
  readonly warnings: readonly string[];
  readonly userErrors: readonly unknown[];
}

async function mutate(
  name: 'registerImage' | 'updateImage',
  input: Record<string, unknown>,
): Promise<Answer> {
  const type = name === 'registerImage' ? 'RegisterImageInput' : 'UpdateImageInput';
  const answer = await admin.run<Record<string, Answer>>(
    `mutation ($input: ${type}!) { ${name}(input: $input) {
      image { ${IMAGE_FIELDS} version ${CONTENT_FIELDS} commandTemplate { variables { scope name declared } warnings } }
      warnings userErrors { code message path }
    } }`,
    { input },
  );
  const { userErrors, ...rest } = answer[name] as Answer;
  expect(userErrors).toEqual([]);
  return { userErrors, ...rest };
}

describe('S0, creating an image', () => {
  // Kinds are in capitals; `repository` is the reference; command stands in `runtime`.
  const command = [
    'python3 /home/mediacloud/main_transcode.py --task_id={{inputs.task_id}} --date={{inputs.date}} --log_path={{configs.log_path}} --cache_path={{configs.cache_path}} --input_file={{inputs.input_file}} --output={{outputs.output}} --format={{inputs.format}} --vcodec={{inputs.vcodec}} --acodec={{inputs.acodec}}',
  ];
  const lists = {
    configs: [
      {
        controls: 'input',
        default: '/data/y/argon/workdir/default/cache_path',
        displayName: '缓存文件路径',
        index: 8,
        kind: 'CONFIG',
        name: 'cache_path',
        type: 'string',
      },
    ],
    inputs: [
      {
        controls: 'input',
        default: '-',
        displayName: '任务ID',
        index: 0,
        kind: 'INPUT',
        name: 'task_id',
        type: 'string',
      },
    ],
    outputs: [
      {
        controls: 'input',
        default: '/data/y/argon/data_path',
        displayName: '输出文件路径',
        index: 6,
        kind: 'OUTPUT',
        name: 'output',
        type: 'string',
      },
    ],
  };

  it('is answered as the document answers it', async () => {
    const { image, warnings } = await mutate('registerImage', {
      runtime: { command },
      ...lists,
      description: '普通整片转码',
      displayName: '普通整片转码',
      name: '普通整片转码',
      price: '0',
      reference: 'nvidia/cuda10.1:tensorflow_mgdc-test-v0.1',
      namespace: 'default',
    });
    expect(image).toMatchObject({
      runtime: { command },
      ...lists,
      description: '普通整片转码',
      displayName: '普通整片转码',
      namespace: { name: 'default' },
      uid: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      price: '0',
      reference: 'nvidia/cuda10.1:tensorflow_mgdc-test-v0.1',
      group: null,
      cover: null,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
    const variables = [
      ['INPUT', 'task_id', true],
      ['INPUT', 'date', false],
      ['CONFIG', 'log_path', false],
      ['CONFIG', 'cache_path', true],
      ['INPUT', 'input_file', false],
      ['OUTPUT', 'output', true],
      ['INPUT', 'format', false],
      ['INPUT', 'vcodec', false],
      ['INPUT', 'acodec', false],
    ].map(([scope, name, declared]) => ({ scope, name, declared }));
    expect(image['commandTemplate']).toMatchObject({ variables });
    // The name is none for the catalogue, and six variables are not declared.
    expect(warnings).toHaveLength(7);
    expect(warnings[0]).toContain('普通整片转码');
    for (const { scope, name, declared } of variables) {
      if (declared) continue;
      expect(warnings).toContainEqual(expect.stringContaining(`${String(scope).toLowerCase()}s.${name}`));
    }
  });

  it('and its values, which the document does not give, fill the command', async () => {
    const { images } = await admin.run<{ images: { nodes: { id: string }[] } }>(
      '{ images(filter: { search: "整片转码" }) { nodes { id } } }',
    );
    const { renderCommand } = await admin.run<{ renderCommand: { argv: string[]; userErrors: unknown[] } }>(
      'query ($id: ID!, $values: CommandValuesInput!) { renderCommand(imageId: $id, values: $values) { argv userErrors { code path } } }',
      {
        id: images.nodes[0]?.id,
        values: {
          inputs: { date: '2020-12-21', input_file: 'a b.mp4', format: 'mp4', vcodec: 'h264', acodec: 'aac' },
          configs: { log_path: '/var/log' },
        },
      },
    );
    expect(renderCommand).toEqual({
      argv: [
        'python3',
        '/home/mediacloud/main_transcode.py',
        '--task_id=-',
        '--date=2020-12-21',
        '--log_path=/var/log',
        '--cache_path=/data/y/argon/workdir/default/cache_path',
        '--input_file=a b.mp4',
        '--output=/data/y/argon/data_path',
        '--format=mp4',
        '--vcodec=h264',
        '--acodec=aac',
      ],
      userErrors: [],
    });
  });
});

describe('S1, the image management of algoPlatform', () => {
  // What both of its requests say of an image; `pvcSize: ""` is null, for GraphQL has no blank numbers.
  const runtime = {
    mountsText: '/vse/logs,/vse/coredump,/data/videos',
    pvcSize: null,
    portsText: 'service1:5016:30016,service2:5017:30017,service:8888',
    cpuRequests: 1000,
    gpuRequests: 1000,
    memRequests: 1000,
    configFilesText: '/etc/fdfs/client.conf,/app/application-linedrawing.properties',
    subPathsText:
      '/usr/lib64/libnvcuvid.so:/usr/lib/x86_64-linux-gnu/libnvcuvid.so.1,/usr/lib64/libnvidia-encode.so.1:/usr/lib/x86_64-linux-gnu/libnvidia-encode.so.1',
    hostPathsText: '/home:/home',
    workingDir: '/home',
    envText: 'ent:3er',
    command: ['/home/realtimetest/project/restart.sh'],
    args: ['/home/realtimetest/start.sh'],
  };
  const algorithm = {
    name: 'test',
    type: '0',
    eventType: 0,
    factory: '易华录',
    frameInterval: 1_800_000,
    frameNumber: 1,
    description: '抽帧超压',
    tvChannels: 1,
    pictures: 10,
    incidentId: '0',
    useableFlag: '0',
  };
  const said = {
    runtime: {
      command: ['/home/realtimetest/project/restart.sh'],
      args: ['/home/realtimetest/start.sh'],
      workingDir: '/home',
      env: [{ name: 'ent', value: '3er' }],
      ports: [
        { name: 'service1', containerPort: 5016, nodePort: 30_016 },
        { name: 'service2', containerPort: 5017, nodePort: 30_017 },
        { name: 'service', containerPort: 8888, nodePort: null },
      ],
      mounts: ['/vse/logs', '/vse/coredump', '/data/videos'],
      configFiles: ['/etc/fdfs/client.conf', '/app/application-linedrawing.properties'],
      subPaths: [
        {
          source: '/usr/lib64/libnvcuvid.so',
          destination: '/usr/lib/x86_64-linux-gnu/libnvcuvid.so.1',
        },
        {
          source: '/usr/lib64/libnvidia-encode.so.1',
          destination: '/usr/lib/x86_64-linux-gnu/libnvidia-encode.so.1',
        },
      ],
      hostPaths: [{ source: '/home', destination: '/home' }],
      cpuRequests: 1000,
      gpuRequests: 1000,
      memRequests: 1000,
      pvcSize: null,
    },
    algorithm,
  };

  it('registers as its first example does (注册成功), once what that one depends on is there', async () => {
    const posterize = await makeImage(admin, { reference: 'algo/posterize:1.0' });
    const { image, warnings } = await mutate('registerImage', {
      reference: 'test1.0:test1.0',
      runtime,
      algorithm,
      dependencies: ['algo/posterize:1.0'],
    });
    expect(image).toMatchObject({
      ...said,
      namespace: { name: 'default' },
      name: 'test1.0',
      tag: 'test1.0',
      dependencies: [{ reference: 'algo/posterize:1.0', image: { id: posterize.id } }],
    });
    expect(warnings).toEqual([]);
  });

  it('finds what its search looks for, as it shows it (查询成功)', async () => {
    const { image } = await mutate('registerImage', {
      reference: 'algo/structure_new:latest',
      runtime: {
        portsText: null,
        mountsText: null,
        pvcSize: null,
        cpuRequests: 1000,
        gpuRequests: 1000,
        memRequests: 2000,
        configFilesText: '/etc/fdfs/client.conf',
      },
      algorithm: {
        factory: 'ehualu',
        name: '安全帽结构化',
        description: '安全帽结构化',
        tvChannels: 10,
        pictures: null,
        type: '0',
        eventType: 3001,
        frameInterval: 1000,
        frameNumber: 1,
        incidentId: '0',
        useableFlag: '0',
      },
    });
    // Its `dependencyServiceId` "1" is a row from before such names were checked.
    await slipway.database.query(
      `insert into image_dependency (image_id, position, reference, namespace, name, tag)
        values ($1, 0, '1', 'default', '1', 'latest')`,
      [image['uid']],
    );
    const search = async (searchCondition: string, namespace = '') => {
      const { images } = await admin.run<{ images: { nodes: Record<string, unknown>[] } }>(
        `query ($filter: ImageFilter!) { images(filter: $filter) { nodes { ${IMAGE_FIELDS} ${CONTENT_FIELDS} } } }`,
        { filter: { search: searchCondition, namespace: namespace || null } },
      );
      return images.nodes;
    };
    const found = await search('structure_new');
    expect(found).toMatchObject([
      {
        namespace: { name: 'algo' },
        name: 'structure_new',
        tag: 'latest',
        deletedAt: null,
        runtime: {
          ports: [],
          mounts: [],
          pvcSize: null,
          cpuRequests: 1000,
          gpuRequests: 1000,
          memRequests: 2000,
          configFiles: ['/etc/fdfs/client.conf'],
          subPaths: [],
          hostPaths: [],
          workingDir: null,
          env: [],
          command: [],
          args: [],
        },
        algorithm: {
          factory: 'ehualu',
          name: '安全帽结构化',
          description: '安全帽结构化',
          tvChannels: 10,
          pictures: null,
          type: '0',
          eventType: 3001,
          frameInterval: 1000,
          frameNumber: 1,
          incidentId: '0',
          useableFlag: '0',
        },
        dependencies: [{ reference: '1', image: null }],
      },
    ]);
    for (const part of ['STRUCTURE_N', '安全帽', 'ehualu']) expect(await search(part)).toEqual(found);
    expect(await search('structure_new', 'algo')).toEqual(found);
    expect(await search('structure_new', 'default')).toEqual([]);
    expect(await search('structureXnew')).toEqual([]);
  });

  it('updates as its example does (更新成功), though that image depends on itself', async () => {
    const id = await idOf('algo', 'posterize', '1.0');
    const { image, warnings } = await mutate('updateImage', {
      id,
      namespace: 'algo',
      name: 'posterize',
      tag: '1.0',
      runtime,
      algorithm,
      dependencies: ['algo/posterize:1.0'],
    });
    expect(image).toMatchObject({
      ...said,
      id,
      version: 2,
      dependencies: [{ reference: 'algo/posterize:1.0', image: { id } }],
    });
    expect(warnings).toEqual(['algo/posterize:1.0 depends on itself']);
  });

  it('deletes as its example does (删除成功): who may is not for the request to say', async () => {
    const id = await idOf('default', 'test1.0', 'test1.0');
    // `userResult: { authority: 3, namespace: "algo" }` is no input: rights come from who is signed in.
    const { errors } = await admin.ask(
      'mutation ($input: DeleteImageInput!) { deleteImage(input: $input) { image { id } } }',
      { input: { id, userResult: { authority: 3, namespace: 'algo' } } },
    );
    expect(errors?.[0]?.message).toContain('userResult');
    expect(imageOf(await deleteImage(admin, { id })).status).toBe('DELETED');
    expect(await readImage(admin, id, 'status')).toEqual({ status: 'DELETED' });
  });

  async function idOf(namespace: string, name: string, tag: string): Promise<string> {
    const { imageByName } = await admin.run<{ imageByName: { id: string } }>(
      'query ($namespace: String!, $name: String!, $tag: String) { imageByName(namespace: $namespace, name: $name, tag: $tag) { id } }',
      { namespace, name, tag },
    );
    return imageByName.id;
  }
});

describe('S4, registering an image with ModelArts', () => {
  it('is answered as the document answers it', async () => {
    const { image, warnings } = await mutate('registerImage', {
      description: '',
      resourceCategories: ['CPU'],
      architecture: 'X86_64',
      reference: 'swr.xxx.com/op_svc_modelarts_container2/pytorch_1_8:train-pytorch_1.8.0-cuda_10.2-py_3.7',
    });
    expect(image).toMatchObject({
      architecture: 'X86_64',
      createdAt: expect.stringMatching(/^\d{4}-/),
      description: '',
      devServices: ['NOTEBOOK', 'SSH'],
      uid: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      name: 'pytorch_1_8',
      namespace: { name: 'op_svc_modelarts_container2' },
      origin: 'CUSTOMIZE',
      resourceCategories: ['CPU'],
      serviceType: 'UNKNOWN',
      // Its size is what the registry says, and that was not asked.
      sizeBytes: null,
      status: 'ACTIVE',
      reference: 'swr.xxx.com/op_svc_modelarts_container2/pytorch_1_8:train-pytorch_1.8.0-cuda_10.2-py_3.7',
      tag: 'train-pytorch_1.8.0-cuda_10.2-py_3.7',
      type: 'DEDICATED',
      visibility: 'PRIVATE',
      workspace: { name: 'default', isDefault: true },
    });
    expect(image['updatedAt']).toBe(image['createdAt']);
    expect(warnings).toEqual([]);
  });

  it('takes every value that the document lists', async () => {
    const lists = {
      architecture: ['X86_64', 'AARCH64'],
      origin: ['CUSTOMIZE', 'IMAGE_SAVE'],
      serviceType: ['COMMON', 'INFERENCE', 'TRAIN', 'DEV', 'UNKNOWN'],
      visibility: ['PRIVATE', 'PUBLIC'],
    };
    for (const [field, values] of Object.entries(lists)) {
      for (const value of values) {
        const { image } = await mutate('registerImage', {
          reference: `swr.xxx.com/values/${field.toLowerCase()}:${value}`,
          [field]: value,
          resourceCategories: ['CPU', 'GPU', 'ASCEND'],
          devServices: ['SSH'],
          workspaceId: '0',
        });
        expect(image).toMatchObject({
          [field]: value,
          resourceCategories: ['CPU', 'GPU', 'ASCEND'],
          devServices: ['SSH'],
        });
      }
    }
  });
});
