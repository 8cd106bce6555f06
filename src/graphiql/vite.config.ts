import { join } from 'node:path';
import { defineConfig } from 'vite';

// Builds the page into dist/graphiql, whole: Monaco's workers, fonts and styles come from our own server.
export default defineConfig({
  root: import.meta.dirname,
  base: '/graphiql/',
  build: {
    outDir: join(import.meta.dirname, '..', '..', 'dist', 'graphiql'),
    emptyOutDir: true,
    reportCompressedSize: false,
    // Monaco is one piece of 4 MB; the warning's limit of 500 KB is meant for pages from afar.
    chunkSizeWarningLimit: 5000,
    rolldownOptions: {
      onwarn: (warning, warn) => {
        // "use client" stands in a hundred files of the animation library and means nothing here.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning);
      },
    },
  },
  worker: { format: 'es' },
});
