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
    ['serve --config /etc/easgate/easgate.yaml', 'with another one'],
  );
  addExamples(
    program
      .command('check')
      .argument('[file]', 'configuration file, as with --config')
      .description('check a configuration file and all it names; lists every problem')
      .option('--strict', 'warnings count as errors')
      .option('--json', 'the problems as one JSON document')
      .option('--schema', 'print the JSON Schema of the file instead')
      .option('--fields', 'print all fields as Markdown instead')
      .option('--answers', 'print what refused phones are told as Markdown instead')
      .option('--errors', 'print all errors as Markdown instead')
      .option('--commands', 'print all commands as Markdown instead')
      .option('--store', 'read every record of the directory too; lists those that are not understood')
      .action(async (file: string | undefined, options: CheckOptions, command: Command) => {
        if (options.commands)
          process.stdout.write((await import('../reference.ts')).commandsReference(program));
        else await (await import('../check.ts')).check(file, options, command);
      }),
    ['check', 'the file that serve would take'],
    ['check --strict new.yaml', 'before it goes to a gateway; warnings fail too'],
  );
  addExamples(
    program
      .command('reload')
      .description(
        'replace all workers of the running gateway, one by one, with the configuration as it is now',
      )
      .option('--json', 'one JSON document: which process was told')
      .action(async (options: { json?: true }, command: Command) =>
        (await import('../reload.ts')).reload(options, command),
      ),
    ['reload', 'checks the file first; no connection is lost'],
  );
  addExamples(
    program
      .command('status')
      .description('the running gateway on this host: workers, traffic, directory, policy, standing warnings')
      .option('--watch', 'again every two seconds, until it is stopped')
      .option('--json', 'one JSON document, with the counters since each worker started')
      .action(async (options: StatusOptions, command: Command) =>
        (await import('../status.ts')).status(options, command),
      ),
    ['status', 'a look, with the traffic of one second'],
    ['status --watch', 'stays on the screen'],
  );
  addExamples(
    program
      .command('health')
      .description('ask the running gateway on this host whether its workers answer (health.listen)')
      .option('--ready', 'whether phones should be sent to it')
      .action(async (options: { ready?: true }, command: Command) =>
        (await import('../health.ts')).health(options, command),
      ),
    ['health', 'ends with 0 while the workers answer, else with 1'],
    ['health --ready', 'and while the directory and a mail server are there'],
  );
}
