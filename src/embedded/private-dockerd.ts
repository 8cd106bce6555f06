import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../shared/logger.ts';
import { ChildProcessError, endLeftover, type RunningChild, startChild } from './child-process.ts';
import { type DataFolder, dataFolderKey } from './data-folder.ts';
import { pingEngine } from './engine-endpoint.ts';
import { findProgram, runProgram } from './machine.ts';
import { readIfThere, writePrivateFile } from './private-file.ts';

// dockerd asks its containers to end for 5 s before it kills them, then ends itself.
const STOP = { name: 'dockerd', stopSignal: 'SIGTERM', stopTimeoutMs: 30_000 } as const;

export function endLeftoverDockerd(folder: DataFolder): Promise<boolean> {
  return endLeftover(folder, STOP);
}

/**
 * Starts a Docker engine of our own, apart from any other on the machine: own images, own containers, own network.
 *
 * @throws ChildProcessError it does not start
 */
export async function startDockerd(
  folder: DataFolder,
  log: Logger,
): Promise<{ endpoint: string; child: RunningChild }> {
  const data = join(folder.path, 'docker');
  const state = join(folder.sockets, 'engine');
  const socket = join(folder.sockets, 'docker.sock');
  const pidFile = join(folder.sockets, 'docker.pid');
  mkdirSync(data, { recursive: true, mode: 0o710 });
  const config = join(folder.path, 'dockerd.json'); // Else the machine's own /etc/docker/daemon.json would count as well.
  writePrivateFile(config, '{}\n');
  const bridge = await ensureBridge(folder).catch((error: unknown) => {
    log.info({ err: error }, 'no network bridge of our own; dockerd uses docker0');
    return null;
  });
  const common = ['--data-root', data, '--exec-root', state, '--pidfile', pidFile, '-H', `unix://${socket}`];
  common.push('--config-file', config, '--shutdown-timeout', '5');
  const start = (network: readonly string[]) =>
    startChild(
      folder,
      {
        ...STOP,
        command: 'dockerd',
        args: [...common, ...network],
        readyTimeoutMs: 60_000,
        prepare: async () => {
          // dockerd does not start where the pid in its pid file is in use, by whomever.
          rmSync(pidFile, { force: true });
          dropStrangersPidFile(join(state, 'containerd', 'containerd.pid'), state);
        },
        isReady: async () => (await pingEngine(`unix://${socket}`)) === 'answers',
      },
      log,
    );
  const child = await start(bridge ? ['--bridge', bridge] : []).catch((error: unknown) => {
    if (!(error instanceof ChildProcessError) || !/iptables/i.test(error.message)) throw error;
    // Kernels without netfilter: containers reach each other and this machine, but nothing beyond.
    log.warn({ err: error }, 'dockerd cannot set up packet filtering; starting it without');
    return start([...(bridge ? ['--bridge', bridge] : []), '--iptables=false', '--ip-masq=false']);
  });
  return {
    endpoint: `unix://${socket}`,
    child: {
      name: child.name,
      get pid() {
        return child.pid;
      },
      async [Symbol.asyncDispose]() {
        await child[Symbol.asyncDispose]();
        if (bridge) await runProgram('ip', ['link', 'delete', bridge]).catch(() => {});
      },
    },
  };
}

/**
 * A network bridge for this data folder's engine alone: two engines on one bridge would give out the same addresses.
 *
 * @throws Error there is no `ip` program, or it may not make one
 */
async function ensureBridge(folder: DataFolder): Promise<string> {
  if (!findProgram('ip')) throw new Error('the program ip (iproute2) is not installed');
  const key = dataFolderKey(folder.path);
  const name = `slipway-${key.slice(0, 7)}`; // 15 characters, the most that an interface's name may have
  const links = await runProgram('ip', ['-o', '-4', 'address', 'show']);
  if (links.includes(` ${name} `)) return name;
  await runProgram('ip', ['link', 'delete', name]).catch(() => {}); // A crash left it without an address.
  const taken = usedNetworks();
  for (let i = 0; i < 256; i += 1) {
    const third = (Number.parseInt(key.slice(0, 2), 16) + i) % 256;
    if (taken.has(`10.213.${third}`)) continue;
    await runProgram('ip', ['link', 'add', 'name', name, 'type', 'bridge']);
    await runProgram('ip', ['address', 'add', `10.213.${third}.1/24`, 'dev', name]);
    await runProgram('ip', ['link', 'set', name, 'up']);
    return name;
  }
  throw new Error('all of 10.213.0.0/16 is in use');
}

/** The first three bytes of each network that this machine routes to, e.g. `10.213.4`. */
function usedNetworks(): Set<string> {
  const lines = readFileSync('/proc/net/route', 'utf8').trim().split('\n').slice(1);
  return new Set(
    lines.map((line) => {
      const address = Number.parseInt(line.split('\t')[1] ?? '0', 16); // in the processor's byte order: the first byte is the lowest
      return [address & 0xff, (address >> 8) & 0xff, (address >> 16) & 0xff].join('.');
    }),
  );
}

/** dockerd takes any living process of that number for its own containerd, and waits in vain for it. */
function dropStrangersPidFile(file: string, state: string): void {
  const pid = Number.parseInt(readIfThere(file) ?? '', 10);
  if (!(pid > 0)) return;
  try {
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(state)) return;
  } catch {
    // There is no such process.
  }
  rmSync(file, { force: true });
}
