import { expect, it } from 'vitest';
import { reportOnDockerfile } from '../../src/build/dockerfile/dockerfile-report.rules.ts';

it('says what a Dockerfile would build', () => {
  const report = reportOnDockerfile(
    'ARG BASE=debian:12\nFROM $BASE AS maker\nRUN make\nFROM scratch\nCOPY --from=maker /a /a\nCOPY --from=busybox:1 /b /b\n',
    { buildArgs: { BASE: 'ubuntu:24.04' } },
  );
  expect(report).toEqual({
    valid: true,
    stages: 2,
    steps: 5,
    baseImages: ['ubuntu:24.04', 'busybox:1'],
    problems: [],
  });
});

it("tells of S3's own example that its reference has two colons, and where", () => {
  const report = reportOnDockerfile('FROM ubuntu:18:04\nRUN pip3 install numpy==1.19.5\n', {});
  expect(report).toMatchObject({
    valid: false,
    problems: [{ severity: 'ERROR', line: 1, column: 6, endLine: 1, endColumn: 18 }],
  });
});

it('is valid in spite of warnings, and tells of every problem at once', () => {
  expect(reportOnDockerfile('from debian\nWORKDIR relative\n', {}).valid).toBe(true);
  const report = reportOnDockerfile('FROM $NOTHING\nRUNN x\nCOPY\nADD http://169.254.169.254/ /x\n', {});
  expect(report.problems.filter(({ severity }) => severity === 'ERROR').map(({ line }) => line)).toEqual([
    1, 2, 3, 4,
  ]);
});
