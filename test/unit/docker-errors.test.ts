import { describe, expect, it } from 'vitest';
import { EngineError } from '../../src/engine/container-engine.ts';
import { buildFailure, pushFailure, toEngineError } from '../../src/engine/docker/docker-errors.ts';

const STEP = { number: 4, line: 7, name: 'RUN make' };
const says = (message: string, code: number | null = null) => ({ message, code });

describe('what a build says when it fails', () => {
  it.each([
    ["The command '/bin/sh -c make' returned a non-zero code: 2", 2],
    ['executor failed running [/bin/sh -c make]: exit code: 2', 2],
    ['failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2', 2],
    ['building at STEP "RUN make": while running runtime: exit status 2', 2],
  ])('is a failed step: %s', (message, exitCode) => {
    expect(buildFailure(says(message), STEP)).toMatchObject({
      reason: 'STEP_FAILED',
      message: 'Step 4 (RUN make) ended with exit code 2.',
      step: 4,
      line: 7,
      exitCode,
    });
  });

  it.each([
    ['exec: "slirp4netns": executable file not found in $PATH', 'install slirp4netns'],
    ['failed to read from slirp4netns sync pipe: EOF', '/dev/net/tun'],
    ['cannot use networks as rootless', 'SLIPWAY_BUILD_NETWORK has to be default or none'],
  ])('says what Podman without root lacks to give a step its network: %s', (words, advice) => {
    const failure = buildFailure(says(`building at STEP "RUN make": ${words}`), STEP);
    expect(failure).toMatchObject({ reason: 'STEP_FAILED', step: 4, exitCode: null });
    expect(failure.message).toContain(advice);
  });

  it('is not the step’s fault that Podman killed it', () => {
    const killed = says('building at STEP "RUN make": while running runtime: signal: killed');
    expect(buildFailure(killed, STEP)).toMatchObject({
      reason: 'ENGINE_UNAVAILABLE',
      message: expect.stringContaining('Podman killed it'),
      step: 4,
      line: 7,
      exitCode: null,
    });
    const said = says(
      'building at STEP "RUN : while running runtime: signal: killed": while running runtime: exit status 2',
    );
    expect(buildFailure(said, STEP)).toMatchObject({ reason: 'STEP_FAILED', exitCode: 2 });
  });

  it('has the exit code that the engine says, not one that the command speaks of', () => {
    const failed = says(
      'building at STEP "RUN echo exit status 4; exit 3": while running runtime: exit status 3',
    );
    expect(buildFailure(failed, STEP).exitCode).toBe(3);
  });

  it('is out of memory only where something says so', () => {
    const killed = says('exit code: 137', 137);
    expect(buildFailure(killed, STEP, { output: 'Compiling…\nKilled\n' }).reason).toBe('OUT_OF_MEMORY');
    expect(buildFailure(says('exit code: 137: cannot allocate memory'), STEP).reason).toBe('OUT_OF_MEMORY');
    expect(buildFailure(killed, STEP).reason).toBe('STEP_FAILED');
    expect(buildFailure(says('exit code: 1', 1), STEP, { output: 'Killed\n' }).reason).toBe('STEP_FAILED');
  });

  it.each([
    ['manifest for x:1 not found: manifest unknown: manifest unknown', 'BASE_IMAGE_NOT_FOUND'],
    [
      "pull access denied for x, repository does not exist or may require 'docker login'",
      'BASE_IMAGE_NOT_FOUND',
    ],
    ['docker.io/library/x:1: not found', 'BASE_IMAGE_NOT_FOUND'],
    ['no match for platform in manifest: not found', 'BASE_IMAGE_NOT_FOUND'],
    ['Get "https://x/v2/": dial tcp: lookup x on 10.0.0.2:53: no such host', 'REGISTRY_UNAVAILABLE'],
    ['Get "https://x/v2/": net/http: TLS handshake timeout', 'REGISTRY_UNAVAILABLE'],
    ['received unexpected HTTP status: 503 Service Unavailable', 'REGISTRY_UNAVAILABLE'],
    ['toomanyrequests: You have reached your pull rate limit', 'REGISTRY_UNAVAILABLE'],
    ['write /var/lib/x: no space left on device', 'DISK_FULL'],
  ])('is about the base image: %s', (message, reason) => {
    const failure = buildFailure(says(message), { ...STEP, name: 'FROM x:1' }, { base: 'x:1' });
    expect(failure.reason).toBe(reason);
    expect(failure.message).not.toMatch(/10\.0\.0\.2|\/var\/lib/);
  });

  it.each([
    ['dockerfile parse error line 3: unknown instruction: FOO', 3],
    [
      'failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error on line 3: x',
      3,
    ],
    ['failed to reach build target zz in Dockerfile', null],
  ])('is about the Dockerfile: %s', (message, line) => {
    expect(buildFailure(says(message), null)).toMatchObject({ reason: 'DOCKERFILE_INVALID', line });
  });

  it('is the step’s where nothing else is known, and nobody’s where no step is', () => {
    expect(buildFailure(says('odd'), STEP)).toMatchObject({
      reason: 'STEP_FAILED',
      message: 'Step 4 (RUN make) failed: odd',
    });
    expect(buildFailure(says('odd'), null)).toMatchObject({
      reason: 'INTERNAL',
      message: 'The build failed: odd',
    });
  });
});

it('tells a refused push from a registry that fails', () => {
  expect(pushFailure('denied: requested access to the resource is denied').reason).toBe('PUSH_DENIED');
  expect(pushFailure('no basic auth credentials').reason).toBe('PUSH_DENIED');
  expect(pushFailure('received unexpected HTTP status: 500').reason).toBe('REGISTRY_UNAVAILABLE');
  expect(pushFailure('EOF').reason).toBe('REGISTRY_UNAVAILABLE');
});

describe('an error of a call', () => {
  const coded = (code: string) => Object.assign(new Error(`connect ${code} /x/docker.sock`), { code });

  it.each(['ENOENT', 'ECONNREFUSED', 'ECONNRESET'])('with %s means that there is no engine', (code) => {
    const error = toEngineError(coded(code));
    expect(error).toMatchObject({
      reason: 'ENGINE_UNAVAILABLE',
      message: expect.stringContaining('DOCKER_HOST'),
    });
    expect(String(error)).not.toContain('/x/docker.sock');
  });

  it('says who may use the engine', () => {
    expect(toEngineError(coded('EACCES'))).toMatchObject({ message: expect.stringContaining('group') });
  });

  it('is the signal’s reason once that is aborted, and an engine’s error as it is', () => {
    const reason = new Error('canceled');
    expect(toEngineError(coded('ECONNRESET'), AbortSignal.abort(reason))).toBe(reason);
    const known = new EngineError('DISK_FULL', 'full');
    expect(toEngineError(known)).toBe(known);
  });

  it('keeps the engine’s own words where it refused', () => {
    const refused = Object.assign(new Error('(HTTP code 409) conflict - name in use '), { statusCode: 409 });
    expect(toEngineError(refused)).toMatchObject({
      reason: 'INTERNAL',
      message: 'The container engine refused: name in use',
    });
  });
});
