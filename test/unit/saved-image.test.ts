import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { composeImage, type SavedParts } from '../../src/engine/docker/saved-image.ts';

const parts: SavedParts = {
  base: {
    Architecture: 'arm64',
    Os: 'linux',
    Variant: 'v8',
    Author: 'ada',
    Config: {
      Hostname: 'builder',
      Domainname: '',
      AttachStdin: false,
      Tty: true,
      Image: 'sha256:1',
      User: '1000',
      Env: ['PATH=/bin'],
      Cmd: ['start-notebook.py'],
      Entrypoint: null,
      ExposedPorts: { '8888/tcp': {} },
      Healthcheck: { Test: ['CMD', 'true'], Interval: 5 },
      Labels: { owner: 'ada', 'slipway.build': 'old', kept: 'x' },
      OnBuild: ['RUN true'],
      SomethingNew: 1,
    },
    RootFS: { Layers: ['sha256:a', 'sha256:b'] },
  },
  baseHistory: [
    { Created: 2, CreatedBy: 'RUN make', Comment: '', Size: 3 },
    { Created: 1, CreatedBy: 'base', Comment: '', Size: 5 },
  ],
  layers: ['sha256:a', 'sha256:b', 'sha256:c'],
  labels: { 'slipway.build': '7' },
  omitLabels: ['owner'],
  comment: 'why',
  at: new Date('2026-01-02T03:04:05.678Z'),
};
const read = (more: Partial<SavedParts> = {}): unknown =>
  JSON.parse(composeImage({ ...parts, ...more }).config.toString('utf8'));

describe('the image of a saved notebook', () => {
  it('has the configuration of its base, other labels, the new layers and one entry of history more', () => {
    expect(read()).toEqual({
      created: '2026-01-02T03:04:05.678Z',
      author: 'ada',
      architecture: 'arm64',
      variant: 'v8',
      os: 'linux',
      config: {
        User: '1000',
        Env: ['PATH=/bin'],
        Cmd: ['start-notebook.py'],
        ExposedPorts: { '8888/tcp': {} },
        Healthcheck: { Test: ['CMD', 'true'], Interval: 5 },
        OnBuild: ['RUN true'],
        SomethingNew: 1,
        Labels: { kept: 'x', 'slipway.build': '7' },
      },
      rootfs: { type: 'layers', diff_ids: ['sha256:a', 'sha256:b', 'sha256:c'] },
      history: [
        { created: '1970-01-01T00:00:01.000Z', created_by: 'base' },
        { created: '1970-01-01T00:00:02.000Z', created_by: 'RUN make' },
        { created: '2026-01-02T03:04:05.678Z', created_by: 'saved from a notebook', comment: 'why' },
      ],
    });
  });

  it('has a history that fits where nothing was written', () => {
    expect(read({ layers: ['sha256:a', 'sha256:b'], comment: '' })).toMatchObject({
      history: [{}, {}, { created_by: 'saved from a notebook', empty_layer: true }],
    });
  });

  it('goes by the digest of its bytes', () => {
    const { config, digest } = composeImage(parts);
    expect(digest).toBe(createHash('sha256').update(config).digest('hex'));
  });
});
