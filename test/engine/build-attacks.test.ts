import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ContainerEngine } from '../../src/engine/container-engine.ts';
import { createDockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { collectUntilError, logBytes } from '../contracts/container-engine.contract.ts';
import { buildRequest, testEngine, textFile } from '../support/engine.ts';
import { openTestFolder, type TestFolder } from '../support/test-folder.ts';

const docker = inject('engineEndpoint') ?? '';
const podman = inject('podmanEndpoint');
const builders = [
  { name: "Docker's classic builder", endpoint: docker, builder: 'classic', network: 'bridge' },
  { name: "Docker's BuildKit", endpoint: docker, builder: 'buildkit', network: null },
  ...(podman === null
    ? []
    : [{ name: 'Podman', endpoint: podman, builder: 'classic', network: 'podman' } as const]),
] as const;

const SECRET = randomUUID();
const GATEWAY = `$(ip route | awk '/default/{print $3}')`;
const connects = (host: string, port: number) =>
  `timeout 5 nc -w 3 ${host} ${port} < /dev/null | grep -q ours`;
const asks = (host: string, port: number) =>
  `printf 'GET /v2/ HTTP/1.0\\r\\n\\r\\n' | timeout 5 nc -w 3 ${host} ${port} | grep -q HTTP`;

/** What the machine has that no build may touch. */
interface Machine {
  /** A file of the machine's own. */
  readonly file: string;
  /** Greets with `ours` on the machine's loopback, as a database or an API would listen there. */
  readonly port: number;
  readonly registryPort: number;
  readonly socket: string;
}

/** Each command succeeds where the attack does. */
const ATTACKS: Readonly<Record<string, (machine: Machine) => string>> = {
  'the socket of the engine, by its name': ({ socket }) => `test -e ${socket}`,
  'any socket at all': () => '[ -n "$(find / -xdev -type s 2>/dev/null)" ]',
  'a file of the machine': ({ file }) => `test -e ${file}`,
  'a file of the machine by the first process': ({ file }) => `test -e /proc/1/root${file}`,
  'the processes of the machine': () => `cat /proc/[0-9]*/cmdline | grep -q "vites[t]"`,
  'the disks of the machine': () =>
    `{ for d in "8 0" "253 0" "254 0" "259 0"; do rm -f /disk; mknod /disk b $d && head -c 1 /disk; done; } 2>/dev/null | grep -q .`,
  'the memory of the machine': () => `head -c 1 /dev/mem 2>/dev/null | grep -q .`,
  'a mount of its own': () => 'mkdir -p /m && mount -t tmpfs none /m 2>/dev/null',
  'the settings of the kernel': () => '(echo x > /proc/sys/kernel/core_pattern) 2>/dev/null',
  'the restart of the machine': () => '(echo h > /proc/sysrq-trigger) 2>/dev/null',
  "the kernel's own log": () => 'dmesg >/dev/null 2>&1',
  'the context of another build': () => `grep -rqs ${SECRET} /tmp /home /root /var /run /mnt`,
  'the secrets of another build': () => '[ -n "$(ls -A /run/secrets 2>/dev/null)" ]',
  'the credentials of the engine': () =>
    'test -e /root/.docker || test -e /run/containers || env | grep -qi pass',
  "a server on the machine's loopback": ({ port }) => connects('127.0.0.1', port),
  'the same by the gateway': ({ port }) => connects(GATEWAY, port),
  'the registry on the loopback': ({ registryPort }) => asks('127.0.0.1', registryPort),
  'the same registry by the gateway': ({ registryPort }) => asks(GATEWAY, registryPort),
};

let folder: TestFolder;
let server: Server;
let machine: Machine;

beforeAll(async () => {
  folder = await openTestFolder();
  const file = join(folder.data.path, 'of-the-machine');
  writeFileSync(file, SECRET);
  server = createServer((socket) => socket.on('error', () => {}).end('ours\n')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  machine = {
    file,
    port: (server.address() as AddressInfo).port,
    registryPort: Number(testEngine().registryHost.split(':')[1]),
    socket: docker.replace('unix://', ''),
  };
});
afterAll(async () => {
  server?.close();
  await folder?.[Symbol.asyncDispose]();
});

const connectedTo = (endpoint: string, buildNetwork: string): ContainerEngine =>
  createDockerEngine(endpoint, createLogger('silent'), { buildNetwork });

describe.each(builders)('a step that $name runs', ({ endpoint, builder, network }) => {
  const { engine, baseImage } = testEngine(endpoint);
  const outputOf = async (on: ContainerEngine, run: string, more = {}) => {
    const dockerfile = `FROM ${baseImage}\nRUN ${run}\n`;
    const request = buildRequest({ builder, dockerfile, noCache: true, ...more });
    const { events, error } = await collectUntilError(on.build(request, {}));
    expect(error).toBeNull();
    return logBytes(events, 'STDOUT').toString();
  };
  const tries = (name: string, command: string) => `if ${command}; then echo "got ${name}"; fi`;
  let output = '';

  beforeAll(async () => {
    await outputOf(engine, 'true', { files: [textFile('other/secret.txt', SECRET)] });
    const commands = Object.entries(ATTACKS).map(([name, command]) => tries(name, command(machine)));
    output = await outputOf(engine, [...commands, 'echo tried all'].join('; '));
  }, 120_000);

  // Its standard error may come behind it.
  it('tries all of these', () => expect(output).toMatch(/^tried all$/m));

  it.each(Object.keys(ATTACKS))('does not get at %s', (name) => {
    expect(output).not.toContain(`got ${name}\n`);
  });

  it('has no network but its own loopback where the operator gives none', async () => {
    const found = await outputOf(connectedTo(endpoint, 'none'), 'cut -d: -f1 /proc/net/dev');
    expect(found.match(/\b(?:lo|eth\d+)\b/g)).toEqual(['lo']);
  });

  if (network === null) {
    it('is refused where the operator gives a network that this builder cannot be connected to', async () => {
      const request = buildRequest({ builder, dockerfile: `FROM ${baseImage}\nRUN true\n` });
      const { error } = await collectUntilError(connectedTo(endpoint, 'builds').build(request, {}));
      expect(error).toMatchObject({
        reason: 'DOCKERFILE_INVALID',
        message: expect.stringContaining('builds'),
      });
    });
  } else {
    it('is connected to the network that the operator names', async () => {
      const found = await outputOf(connectedTo(endpoint, network), 'cut -d: -f1 /proc/net/dev');
      expect(found.match(/\b(?:lo|eth\d+)\b/g)).toEqual(['lo', 'eth0']);
    });
  }
});
