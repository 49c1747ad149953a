#!/usr/bin/env node
// Owns the start of the easgate command. Imports nothing that an old Node.js cannot load, so that it can say what it needs.
import { nodeTrouble } from './node-version.ts';

const trouble = nodeTrouble(process.versions.node);
if (trouble === null) {
  const { useCompileCache } = await import('./compile-cache.ts');
  useCompileCache();
  const { runProgram } = await import('./cli/program.ts');
  await runProgram(process.argv.slice(2));
} else {
  process.stderr.write(`easgate: EASGATE_NODE: ${trouble}\n`);
  process.exitCode = 1;
}
