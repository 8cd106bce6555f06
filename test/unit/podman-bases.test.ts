import { describe, expect, it } from 'vitest';
import { withDockerHub } from '../../src/engine/docker/podman-bases.ts';

const named = (dockerfile: string, buildArgs = {}) => withDockerHub({ dockerfile, buildArgs });

describe("a base that names no registry is Docker Hub's for Podman, too", () => {
  it.each([
    ['FROM python:3.12', 'FROM docker.io/library/python:3.12'],
    ['FROM team/torch AS x', 'FROM docker.io/team/torch AS x'],
    ['from ro as ro', 'from docker.io/library/ro as ro'],
    ['FROM --platform=linux linux', 'FROM --platform=linux docker.io/library/linux'],
    ['ARG V=3\nFROM python:$V', 'ARG V=3\nFROM docker.io/library/python:$V'],
    ['FROM \\\n  # which\n  busybox', 'FROM \\\n  # which\n  docker.io/library/busybox'],
    ['FROM scratch\nCOPY --from=alpine /a /', 'FROM scratch\nCOPY --from=docker.io/library/alpine /a /'],
    [
      'FROM scratch\nRUN --mount=type=bind,from=a,target=/a --mount=from=a,target=/b x',
      'FROM scratch\nRUN --mount=type=bind,from=docker.io/library/a,target=/a --mount=from=docker.io/library/a,target=/b x',
    ],
  ])('%s', (dockerfile, expected) => expect(named(dockerfile)).toBe(expected));

  it('by what a build argument says', () => {
    expect(named('ARG BASE=quay.io/x/y\nFROM $BASE', { BASE: 'team/torch:1' })).toBe(
      'ARG BASE=quay.io/x/y\nFROM docker.io/$BASE',
    );
  });

  it.each([
    'FROM localhost/x',
    'FROM registry.test:5000/python AS python\r\nFROM python\r\n',
    'FROM scratch AS a\nCOPY --from=0 /a /b',
    'ARG BASE=quay.io/x/y\nFROM $BASE',
    'FROM',
  ])('and what names one, or is a stage, stays as it is: %j', (dockerfile) => {
    expect(named(dockerfile)).toBe(dockerfile);
  });

  it.each(['FROM scratch\nFROM py\\\nthon', 'FROM py\\\n# x\nthon'])(
    'is asked for in full where its name is not found: %j',
    (dockerfile) => {
      expect(() => named(dockerfile)).toThrow(
        expect.objectContaining({
          reason: 'DOCKERFILE_INVALID',
          message: expect.stringContaining('docker.io/library/'),
        }),
      );
    },
  );
});
