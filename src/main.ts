#!/usr/bin/env node
// Owns the easgate command: which subcommands there are, and how a failure leaves the process.
import { Command, CommanderError } from 'commander';

const USAGE = 2;

/** Loads only what the chosen subcommand needs, so that short commands start fast. */
async function register(program: Command, name: string | undefined): Promise<void> {
  const wanted = (command: string): boolean =>
    name === undefined || name === command || !SUBCOMMANDS.has(name);
  if (wanted('serve')) (await import('./cli/serve.ts')).registerServe(program);
  if (wanted('reload')) (await import('./cli/reload.ts')).registerReload(program);
  if (wanted('check')) (await import('./cli/check.ts')).registerCheck(program);
  if (wanted('devices')) (await import('./cli/devices.ts')).registerDevices(program);
  if (wanted('explain')) (await import('./cli/explain.ts')).registerExplain(program);
  if (wanted('identify')) (await import('./cli/identify.ts')).registerIdentify(program);
  if (wanted('demo')) (await import('./cli/demo.ts')).registerDemo(program);
  if (wanted('policy')) (await import('./cli/policy.ts')).registerPolicy(program);
  if (wanted('simulate')) (await import('./cli/simulate.ts')).registerSimulate(program);
  if (wanted('wbxml')) (await import('./cli/wbxml.ts')).registerWbxml(program);
}

const SUBCOMMANDS: ReadonlySet<string> = new Set([
  'serve',
  'reload',
  'check',
  'devices',
  'explain',
  'identify',
  'policy',
  'simulate',
  'wbxml',
  'demo',
]);

async function main(words: readonly string[]): Promise<void> {
  const program = new Command('easgate')
    .description('Exchange ActiveSync gateway')
    .option('--config <file>', 'configuration file (default: config/easgate.yaml)')
    .exitOverride();
  await register(
    program,
    words.find((word) => SUBCOMMANDS.has(word)),
  );
  for (const command of program.commands) overrideExit(command);
  await program.parseAsync([...words], { from: 'user' });
}

function overrideExit(command: Command): void {
  command.exitOverride();
  // `--config` may stand behind the subcommand too.
  command.option('--config <file>', 'configuration file');
  for (const below of command.commands) overrideExit(below);
}

/** Not a command for people: what `serve` starts. */
const WORKER = 'worker';

try {
  if (process.argv[2] === WORKER && process.send !== undefined) (await import('./cli/worker.ts')).runWorker();
  else await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  } else {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EASGATE_FAILED';
    process.stderr.write(`easgate: ${code}: ${error instanceof Error ? error.message : String(error)}\n`);
    // A start that failed half-way has sockets and a store open; nothing would end the process. Output to pipes and files
    // is written already (it is synchronous on POSIX).
    process.exit(1);
  }
}
