import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DataFolder } from './data-folder.ts';
import { isDebian, isRoot, runProgram } from './machine.ts';

const DOWNLOAD_TIMEOUT_MS = 180_000;

/**
 * A file of a Debian package, fetched and unpacked into the data folder: nothing is installed, no service is started,
 * and any user may do it. Fetched once and kept.
 *
 * @param file its path inside the package, e.g. `usr/bin/docker-registry`
 * @param onFetch called before the download, where one is needed
 * @returns the file's path, `null` where this is not Debian
 * @throws Error it cannot be fetched
 */
export async function fetchPackageFile(
  folder: DataFolder,
  name: string,
  file: string,
  onFetch: () => void,
): Promise<string | null> {
  const unpacked = join(folder.tools, name);
  const wanted = join(unpacked, file);
  if (existsSync(wanted)) return wanted;
  if (!isDebian()) return null;
  onFetch();
  const work = mkdtempSync(join(folder.tools, '.fetch-'));
  try {
    await download(name, work);
    const archive = readdirSync(work).find((entry) => entry.endsWith('.deb'));
    if (!archive) throw new Error(`apt-get downloaded nothing for ${name}`);
    await runProgram('dpkg-deb', ['-x', join(work, archive), join(work, 'unpacked')]);
    rmSync(unpacked, { recursive: true, force: true });
    try {
      renameSync(join(work, 'unpacked'), unpacked);
    } catch (error) {
      if (!existsSync(wanted)) throw error; // Somebody else has fetched it meanwhile.
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return existsSync(wanted) ? wanted : null;
}

/** Installs a Debian package for the whole machine. The caller is root and has been allowed to. */
export async function installPackage(name: string): Promise<void> {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const install = () =>
    runProgram('apt-get', ['install', '--yes', '--no-install-recommends', name], { timeoutMs: 600_000, env });
  // Fresh machines and containers come without package lists, others with old ones that name files which are gone.
  await runProgram('apt-get', ['update'], { timeoutMs: DOWNLOAD_TIMEOUT_MS, env }).catch(() => {});
  await install();
}

async function download(name: string, work: string): Promise<void> {
  const cache = join(work, 'cache');
  mkdirSync(join(cache, 'archives', 'partial'), { recursive: true });
  const common = ['-o', `Dir::Cache=${cache}`, ...(isRoot() ? ['-o', 'APT::Sandbox::User=root'] : [])];
  const fetch = (lists: readonly string[]) =>
    runProgram('apt-get', [...common, ...lists, 'download', name], {
      cwd: work,
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
    });
  try {
    await fetch([]);
  } catch {
    // The machine has no package lists, or old ones: get some of our own, which needs no root.
    const lists = join(work, 'lists');
    mkdirSync(join(lists, 'partial'), { recursive: true });
    const own = ['-o', `Dir::State::lists=${lists}`];
    // A source that does not answer fails the update as a whole; what the others gave may be enough.
    await runProgram('apt-get', [...common, ...own, 'update'], { timeoutMs: DOWNLOAD_TIMEOUT_MS }).catch(
      () => {},
    );
    await fetch(own);
  }
}
