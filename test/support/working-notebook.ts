import { randomBytes, randomUUID } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import { makeDebianPackage } from './debian-package.ts';
import { createContainer } from './engine.ts';

/** What Linux keeps with a file that may bind ports below 1024: a permitted and effective CAP_NET_BIND_SERVICE. */
export const BIND_CAPABILITY = '\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0';

/**
 * A base image such as notebooks are started from, with a command that works all the time: it adds one number after the other
 * to two files, which stand at both ends of what an engine copies in the order of names.
 */
export const workingBase = (baseImage: string) => ({
  dockerfile: `FROM ${baseImage}
ENV NOTEBOOK_DIR=/home/jovyan LANG=C.UTF-8 GREETING="from the base"
LABEL org.opencontainers.image.title="a base for notebooks"
COPY start /usr/local/bin/start
RUN chmod 755 /usr/local/bin/start && mkdir -p /home/jovyan/drafts /var/lib/dpkg/info && touch /var/lib/dpkg/status
RUN echo outdated > /home/jovyan/readme.txt && echo old > /home/jovyan/drafts/old.txt
WORKDIR /home/jovyan
EXPOSE 8888
STOPSIGNAL SIGINT
ENTRYPOINT ["start"]
CMD ["serve", "--ip=0.0.0.0"]
`,
  files: [
    {
      path: 'start',
      content: `#!/bin/sh
[ "$1" = serve ] || exec "$@"
mkdir -p /a-first /z-last
i=0
while :; do i=$((i+1)); echo $i >> /a-first/ticks; echo $i >> /z-last/ticks; usleep 500; done
`,
    },
  ],
});

/** What somebody does in a notebook: installs, writes a great many files and a large one, links, deletes. */
const WORK = `set -e
dpkg -i /tmp/greeter.deb
rm /tmp/greeter.deb
mkdir many; i=0; while [ $i -lt 2000 ]; do echo "file $i" > many/$i.txt; i=$((i+1)); done
ln -s many/7.txt link; ln -s /nowhere dangling; ln many/8.txt hard; mkfifo pipe
echo odd > "$(printf 'odd\\nname " $HOME \\\\ 漢')"
dd if=/dev/urandom of=model.bin bs=1048576 count=8 2> /dev/null
cp /bin/busybox /usr/local/bin/raised; chmod 4755 /usr/local/bin/raised
chown 1000:100 model.bin; chmod 640 model.bin
rm readme.txt; rm -r drafts; mkdir drafts; echo new > drafts/new.txt
`;

/** Every file of what was worked on: type, mode, owner, time, links and content. */
const LISTING = `find /home /usr/local /var/lib/dpkg -exec stat -c '%A %u:%g %Y %N' {} +
find /home /usr/local /var/lib/dpkg -type f -exec stat -c '%h %s %n' {} + -exec md5sum {} +`;

/** What can be looked into: a notebook, or a container of an image that was saved from one. */
export interface Inside {
  readonly container: Docker.Container;
  /** Runs a shell command. @returns what it printed @throws Error where it ends with another code than 0 */
  run(command: string): Promise<string>;
}

/** A container as a platform starts notebooks: with secrets wherever a container has room for them. */
export interface WorkingNotebook extends Inside, AsyncDisposable {
  /** As the API calls it. */
  readonly id: string;
  /** What nobody may find anywhere. */
  readonly secrets: readonly string[];
  /** What else an image that is saved from it must not have: all that says which container it was, and what is mounted. */
  readonly traces: readonly string[];
}

/** Starts a notebook from an image that has {@link workingBase} at its bottom; `mounted` is a text that stands in its mounts. */
export async function startNotebook(
  docker: Docker,
  image: string,
  mounted: string = randomUUID(),
): Promise<WorkingNotebook> {
  const uid = randomUUID();
  const [token, key, odd, label, host] = Array.from({ length: 5 }, () => randomBytes(12).toString('hex'));
  const container = await createContainer(docker, {
    Image: image,
    Hostname: `nb-${host}`,
    Env: [
      `JUPYTER_TOKEN=${token}`,
      `AWS_SECRET_ACCESS_KEY=${key}`,
      `a name.that-is $odd"=${odd}`,
      'GREETING=of this notebook alone',
    ],
    Cmd: ['serve', `--ServerApp.token=${token}`],
    Labels: {
      'slipway.notebook': uid,
      'slipway.notebook.name': 'working',
      'slipway.workspace': 'default',
      'slipway.owner': 'admin',
      'platform.example/session-key': `${label}`,
    },
    Volumes: { '/data': {} },
    HostConfig: { Tmpfs: { '/scratch': '' } },
  });
  const run = async (command: string) => await runIn(docker, container, command);
  await container.start();
  await run(`echo '${mounted}' | tee /data/in-volume > /scratch/in-tmpfs`);
  return {
    id: Buffer.from(`Notebook:${uid}`).toString('base64url'),
    container,
    secrets: [token, key, odd, label, host].map(String),
    traces: [
      ...['JUPYTER_TOKEN', 'AWS_SECRET_ACCESS_KEY', 'that-is $odd', 'of this notebook alone'],
      ...['slipway.notebook', 'slipway.owner', 'session-key', uid, mounted, container.id.slice(0, 12)],
    ],
    run,
    [Symbol.asyncDispose]: async () => await container.remove({ force: true, v: true }),
  };
}

/** Works in a notebook, and installs a package that `greet` runs. */
export async function workIn(notebook: WorkingNotebook): Promise<void> {
  const greeter = await makeDebianPackage('greeter', [
    { path: 'usr/local/bin/greet', content: '#!/bin/sh\ncat /usr/local/share/greeting\n', mode: 0o755 },
    { path: 'usr/local/share/greeting', content: 'installed and well\n', mode: 0o644 },
  ]);
  const tar = pack();
  tar.entry({ name: 'tmp/greeter.deb' }, greeter);
  const pax = { 'SCHILY.xattr.security.capability': BIND_CAPABILITY };
  tar.entry({ name: 'usr/local/bin/binds', mode: 0o755, pax }, '#!/bin/sh\n');
  tar.finalize();
  await notebook.container.putArchive(await buffer(tar), { path: '/' });
  await notebook.run(WORK);
}

/** All files that were worked on, in an order of its own. */
export async function filesOf({ run }: Inside): Promise<readonly string[]> {
  return (await run(LISTING)).split('\n').toSorted();
}

/** The last numbers that {@link workingBase} added to its two files: equal, or the first one is one ahead. */
export async function ticksOf({ run }: Inside): Promise<readonly [number, number]> {
  const [first, last] = (await run('tail -n 1 /a-first/ticks; tail -n 1 /z-last/ticks')).split('\n');
  return [Number(first), Number(last)];
}

/**
 * Starts a container of an image and looks into it.
 *
 * @param command null: what the image says
 */
export async function inContainerOf<T>(
  docker: Docker,
  image: string,
  command: readonly string[] | null,
  look: (inside: Inside) => Promise<T>,
): Promise<T> {
  const container = await createContainer(docker, { Image: image, ...(command && { Cmd: [...command] }) });
  try {
    await container.start();
    return await look({ container, run: (text) => runIn(docker, container, text) });
  } finally {
    await container.remove({ force: true, v: true });
  }
}

async function runIn(docker: Docker, container: Docker.Container, command: string): Promise<string> {
  const exec = await container.exec({
    Cmd: ['sh', '-c', command],
    AttachStdout: true,
    AttachStderr: true,
  });
  const stream = await exec.start({});
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  docker.modem.demuxStream(stream, stdout, stderr);
  stream.on('end', () => {
    stdout.end();
    stderr.end();
  });
  const [said, complained] = await Promise.all([buffer(stdout), buffer(stderr)]);
  const { ExitCode } = await exec.inspect();
  if (ExitCode !== 0) throw new Error(`${command} ended with ${ExitCode}: ${complained}`);
  return said.toString();
}

/** How long the engine itself says that it kept a container paused, in milliseconds. */
export async function pausedByEngine(docker: Docker, { container }: Inside): Promise<number> {
  const stream = await docker.getEvents({
    since: 0,
    until: Math.ceil(Date.now() / 1000),
    filters: { container: [container.id], event: ['pause', 'unpause'] },
  });
  const events = (await text(stream))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { Action: string; timeNano: number });
  return events.reduce(
    (sum, { Action, timeNano }) => sum + (Action === 'pause' ? -timeNano : timeNano) / 1e6,
    0,
  );
}
