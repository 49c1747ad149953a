// Owns the definitions of the commands about the running gateway: serve, check, reload, status, health.
import type { Command } from 'commander';
import type { CheckOptions } from '../check.ts';
import { configPath } from '../config-path.ts';
import type { StatusOptions } from '../status.ts';
import { addExamples } from './options.ts';

/** Registers `serve`, `check`, `reload`, `status` and `health`. */
export function registerGateway(program: Command): void {
  addExamples(
    program
      .command('serve')
      .description('run the gateway')
      .action(async (_options, command: Command) => (await import('../serve.ts')).serve(configPath(command))),
    ['serve', 'with config/easgate.yaml, or the file that EASGATE_CONFIG names'],
    ['serve --config /etc/easgate/easgate.yaml', 'with another file'],
  );
  addExamples(
    program
      .command('check')
      .argument('[file]', 'configuration file, as with --config')
      .description('check a configuration file and all files it names; lists every problem')
      .option('--strict', 'warnings count as errors')
      .option('--json', 'the problems as one JSON document')
      .option('--schema', 'print the JSON Schema of the file instead')
      .option('--fields', 'print all fields as Markdown instead')
      .option('--answers', 'print the answers to refused phones as Markdown instead')
      .option('--errors', 'print all errors as Markdown instead')
      .option('--metrics', 'print all metrics as Markdown instead')
      .option('--commands', 'print all commands as Markdown instead')
      .option('--store', 'also read every record of the directory, and list malformed ones')
      .action(async (file: string | undefined, options: CheckOptions, command: Command) => {
        if (options.commands)
          process.stdout.write((await import('../reference.ts')).commandsReference(program));
        else await (await import('../check.ts')).check(file, options, command);
      }),
    ['check', 'the file that serve would use'],
    ['check --strict new.yaml', 'before it is installed; warnings fail too'],
  );
  addExamples(
    program
      .command('reload')
      .description('replace all workers of the running gateway, one by one, with the current configuration')
      .option('--json', 'one JSON document: the process id of the gateway')
      .action(async (options: { json?: true }, command: Command) =>
        (await import('../reload.ts')).reload(options, command),
      ),
    ['reload', 'checks the file first; no connection is lost'],
  );
  addExamples(
    program
      .command('status')
      .description('the running gateway on this host: workers, traffic, directory, policy, standing warnings')
      .option('--watch', 'repeat every two seconds, until stopped')
      .option('--json', 'one JSON document, with the counters since each worker started')
      .action(async (options: StatusOptions, command: Command) =>
        (await import('../status.ts')).status(options, command),
      ),
    ['status', 'one report, with the traffic of the last minute'],
    ['status --watch', 'a report that is updated on the screen'],
  );
  addExamples(
    program
      .command('health')
      .description('check that the workers of the gateway on this host answer (health.listen)')
      .option('--ready', 'check that the gateway can serve phones')
      .action(async (options: { ready?: true }, command: Command) =>
        (await import('../health.ts')).health(options, command),
      ),
    ['health', 'exit code 0 while the workers answer, else 1'],
    ['health --ready', 'also requires the directory and a mail server'],
  );
}
