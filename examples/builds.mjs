// Builds in full, by HTTP and WebSocket only: a Dockerfile checked, a request sent twice, a secret, a failure read and tried
// again, a cancel, packages, the log as a file, and all of it in a dashboard's feed. It ends with code 1 when anything is not
// as the API promises.
import * as operations from './lib/build-operations.mjs';
import { createApi } from './lib/client.mjs';
import { followBuild } from './lib/follow-build.mjs';
import { USAGE } from './lib/options.mjs';
import { check, runTour, say, stop, title } from './lib/tour.mjs';

async function tour({ url, token }) {
  const api = createApi(url, token);
  const run = Date.now().toString(36); // makes this run's names its own
  const { server, workspace } = await api.request(operations.LOOK_AROUND);
  check(server.engine?.available, 'No container engine is available, so builds would wait.');
  check(server.exampleBaseImage, 'The server names no base image to build on without a public registry.');
  const hasBuildKit = server.engine.builders.includes('BUILDKIT');

  const inputOf = (name, dockerfile, rest = {}) => ({
    workspaceId: workspace.id,
    image: { namespace: 'default', name: `${name}-${run}`, tag: '1.0' },
    ...rest,
    buildConfig: {
      dockerfile: [`FROM ${server.exampleBaseImage}`, ...dockerfile].join('\n'),
      ...rest.buildConfig,
    },
  });
  const build = async (input) => await api.mutate(operations.BUILD, { input });

  /** What a dashboard hears of, while everything below goes on. */
  const heard = new Map();
  const feed = (async () => {
    for await (const { build } of api.follow(operations.WATCH_ACTIVITY, () => ({}))) {
      if (build.target.name.endsWith(run)) heard.set(build.target.name, build.status);
    }
  })();
  feed.catch((error) => stop(`the feed: ${error.message}`));

  async function readLog(path, headers = {}) {
    const response = await fetch(new URL(path, url), {
      headers: { authorization: `Bearer ${token}`, ...headers },
    });
    return { status: response.status, text: await response.text() };
  }

  title('Check a Dockerfile before it costs anything');
  const wrong = 'FROM ubuntu:18:04\nARG NPM_TOKEN\nCOPY --from=biulder /app /app\n';
  const { checkDockerfile } = await api.request(operations.CHECK, { dockerfile: wrong });
  for (const { severity, line, column, message } of checkDockerfile.problems)
    say(`${severity} ${line}:${column} ${message}`);
  check(!checkDockerfile.valid, 'A Dockerfile with two tags in one reference passed.');

  title('Send a request twice, as a script does whose answer was lost');
  const twice = inputOf('twice', ['RUN echo built once'], { clientToken: `tour-${run}` });
  const [first, second] = await Promise.all([build(twice), build(twice)]);
  check(first.build.id === second.build.id, 'One client token brought two builds.');
  check(first.reused !== second.reused, 'It is not said which answer brought the build.');
  const done = await followBuild(api, first.build.id);
  check(done.build.status === 'SUCCEEDED', `The build ended as ${done.build.status}.`);

  title('Read the log as a file');
  const whole = await readLog(first.build.logUrl);
  check(whole.text.includes('built once\n'), 'The file lacks what the build printed.');
  const part = await readLog(first.build.logUrl, { range: 'bytes=-20' });
  check(part.status === 206 && whole.text.endsWith(part.text), 'The last 20 bytes are others.');
  say(`${whole.text.length} characters at ${first.build.logUrl}; its last 20 bytes are the same.`);

  if (hasBuildKit) {
    title('Use a secret that the log does not show');
    const secret = `secret-of-${run}`;
    const { build: secretive } = await build(
      inputOf('secret', ['RUN --mount=type=secret,id=token cat /run/secrets/token'], {
        buildConfig: { secrets: [{ id: 'token', value: secret }] },
      }),
    );
    const { build: ended, lines } = await followBuild(api, secretive.id);
    check(ended.status === 'SUCCEEDED', `The build ended as ${ended.status}: ${ended.failure?.message}`);
    check(!lines.join('\n').includes(secret) && lines.includes('***'), 'The secret is not masked.');
  }

  title('Fail, see why, and try again');
  const { build: failing } = await build(inputOf('fails', ['RUN echo before', 'RUN exit 7']));
  const { build: failed } = await followBuild(api, failing.id);
  const { reason, step, line, exitCode, message } = failed.failure ?? {};
  check(
    reason === 'STEP_FAILED' && line === 3 && exitCode === 7,
    `The failure is ${JSON.stringify(failed.failure)}.`,
  );
  say(`${reason} in step ${step}, line ${line}: ${message}`);
  const retried = await api.mutate(operations.RETRY, { input: { id: failing.id } });
  check(retried.build.retryOf.id === failing.id, 'The new build does not know which one it repeats.');
  check(
    (await followBuild(api, retried.build.id)).build.status === 'FAILED',
    'The retry did not fail again.',
  );

  title('Cancel a running build');
  const { build: slow } = await build(inputOf('slow', ['RUN echo started; sleep 600']));
  const ending = followBuild(api, slow.id);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  await api.mutate(operations.CANCEL, { input: { id: slow.id, reason: 'the tour has seen enough' } });
  check((await ending).build.status === 'CANCELED', 'The build was not canceled.');

  title('Install packages: the Dockerfile is written for you');
  const { build: packages } = await api.mutate(operations.BUILD, {
    input: {
      ...inputOf('packages', []),
      buildConfig: {
        buildType: 'PACKAGE_INSTALLATION',
        baseImage: server.exampleBaseImage,
        packages: { apt: ['curl'], pip: ['numpy==1.19.5'] },
      },
    },
  });
  say(packages.dockerfile);
  // The example's base has neither apt nor pip.
  await api.mutate(operations.CANCEL, { input: { id: packages.id } });

  title('What a dashboard heard meanwhile');
  for (const [name, status] of heard) say(`${name}: ${status}`);
  check(heard.get(`twice-${run}`) === 'SUCCEEDED', 'The feed has not told of the build that succeeded.');
  check(heard.get(`fails-${run}`) === 'FAILED', 'The feed has not told of the build that failed.');
  title('All as promised.');
  process.exit(0);
}

await runTour(tour, USAGE);
