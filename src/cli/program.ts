// Owns the easgate command: which subcommands there are, and how a failure leaves the process.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { defaultConfig } from './context.ts';

const USAGE = 2;

/** Loads only what the chosen subcommand needs, so that short commands start fast. */
async function register(program: Command, name: string | undefined): Promise<void> {
  const wanted = (command: string): boolean =>
    name === undefined || name === command || !SUBCOMMANDS.has(name);
  if (wanted('serve')) (await import('./serve.ts')).registerServe(program);
  if (wanted('reload')) (await import('./reload.ts')).registerReload(program);
  if (wanted('check')) (await import('./check.ts')).registerCheck(program);
  if (wanted('devices')) (await import('./devices.ts')).registerDevices(program);
  if (wanted('explain')) (await import('./explain.ts')).registerExplain(program);
  if (wanted('identify')) (await import('./identify.ts')).registerIdentify(program);
  if (wanted('demo')) (await import('./demo.ts')).registerDemo(program);
  if (wanted('health')) (await import('./health.ts')).registerHealth(program);
  if (wanted('policy')) (await import('./policy.ts')).registerPolicy(program);
  if (wanted('store')) (await import('./store.ts')).registerStore(program);
  if (wanted('simulate')) (await import('./simulate.ts')).registerSimulate(program);
  if (wanted('wbxml')) (await import('./wbxml.ts')).registerWbxml(program);
}

const SUBCOMMANDS: ReadonlySet<string> = new Set([
  'serve',
  'reload',
  'check',
  'devices',
  'explain',
  'identify',
  'health',
  'simulate',
  'policy',
  'store',
  'wbxml',
  'demo',
]);

async function dispatch(words: readonly string[]): Promise<void> {
  const program = new Command('easgate')
    .description('Exchange ActiveSync gateway')
    .version(readVersion(), '--version', 'print the version')
    .option('--config <file>', `configuration file (default: ${defaultConfig()})`)
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

/** Runs one command; the exit code is set, or the process ended. Never rejects. */
export async function runProgram(words: readonly string[]): Promise<void> {
  toleratePipes();
  try {
    if (words[0] === WORKER && process.send !== undefined) (await import('../worker/worker.ts')).runWorker();
    else await dispatch(words);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : USAGE;
      return;
    }
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EASGATE_FAILED';
    process.stderr.write(`easgate: ${code}: ${error instanceof Error ? error.message : String(error)}\n`);
    // A start that failed half-way has sockets and a store open; nothing would end the process. Output to pipes and files
    // is written already (it is synchronous on POSIX).
    process.exit(1);
  }
}

/** Whoever reads the output may have seen enough (`| head`): the command finishes its work all the same. */
function toleratePipes(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') return;
      if (stream === process.stdout)
        process.stderr.write(`easgate: EASGATE_FAILED: output is lost: ${error.message}\n`);
      process.exitCode = 1;
    });
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const { version = 'unknown' } = manifest as { version?: string };
  return version;
}
