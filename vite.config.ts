// Owns the build of the dashboard: src/web/ to dist/web/, and the limit of what a browser loads first.
import { gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import type { Plugin, Rolldown } from 'vite';

/** What a browser loads before it shows the first page: at most so much, compressed. */
const FIRST_LOAD_BYTES = 200 * 1024;

const gzipped = (text: string | Uint8Array): number => gzipSync(text).length;

/** Adds up the entry, what it imports statically, and their style sheets. The build fails above the limit. */
function firstLoadLimit(): Plugin {
  return {
    name: 'first-load-limit',
    writeBundle(_options, bundle) {
      const names = new Set<string>();
      const add = (name: string): void => {
        const part = bundle[name];
        if (part === undefined || names.has(name)) return;
        names.add(name);
        if (part.type === 'asset') return;
        for (const imported of part.imports) add(imported);
        const styles = (part as { viteMetadata?: { importedCss: Set<string> } }).viteMetadata;
        for (const style of styles?.importedCss ?? []) add(style);
      };
      const parts: (Rolldown.OutputChunk | Rolldown.OutputAsset)[] = Object.values(bundle);
      for (const part of parts)
        if ((part.type === 'chunk' && part.isEntry) || part.fileName.endsWith('.html')) add(part.fileName);
      let bytes = 0;
      for (const name of names) {
        const part = bundle[name];
        if (part !== undefined) bytes += gzipped(part.type === 'chunk' ? part.code : part.source);
      }
      const size = `${(bytes / 1024).toFixed(0)} KB compressed`;
      if (bytes > FIRST_LOAD_BYTES)
        this.error(`The dashboard loads ${size} first; the limit is ${FIRST_LOAD_BYTES / 1024} KB.`);
      this.info(`first load: ${size}`);
    },
  };
}

export default defineConfig({
  root: 'src/web',
  plugins: [react(), firstLoadLimit()],
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    // As files: an address of the form data: is stopped by the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    target: ['chrome123', 'firefox128', 'safari17.5'],
  },
  server: { proxy: { '/api': 'http://127.0.0.1:8781' } },
});
