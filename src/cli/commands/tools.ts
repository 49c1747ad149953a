// Owns the definitions of the tools: identify, wbxml, demo, completion.
import { Argument, Option } from 'commander';
import type { Command } from 'commander';
import type { PhoneFamily } from '../../sample/phone/families.ts';
import type { Shell } from '../completion.ts';
import type { DemoOptions } from '../demo.ts';
import type { DecodeOptions, EncodeOptions } from '../wbxml.ts';
import { addExamples } from './options.ts';

const FAMILIES = ['ios', 'outlook', 'android'] as const satisfies readonly PhoneFamily[];
const VERSIONS = ['2.5', '12.0', '12.1', '14.0', '14.1', '16.0', '16.1'];
const SHELLS = ['bash', 'zsh', 'fish'] as const satisfies readonly Shell[];

/** Registers `identify`, `wbxml`, `demo` and `completion`. */
export function registerTools(program: Command): void {
  addExamples(
    program
      .command('identify')
      .description(
        'identify recorded requests: JSON lines {"method","target","headers":{…},"body"?} on stdin',
      )
      .action(async () => (await import('../identify.ts')).identify()),
    ['identify < requests.ndjson', 'one JSON line each: user, device, command, or why it is refused'],
  );
  registerWbxml(program);
  addExamples(
    program
      .command('demo')
      .description(
        'run a sample phone with a built-in mail server through all states: quarantine, enrolment, mail, block, wipe',
      )
      .addOption(new Option('--family <family>', 'kind of mail app').choices(FAMILIES).default('ios'))
      .addOption(new Option('--protocol <version>', 'protocol version').choices(VERSIONS).default('16.1'))
      .option('--json', 'one JSON document per step')
      .action(async (options: DemoOptions) => (await import('../demo.ts')).demo(options)),
    ['demo', ''],
    ['demo --family outlook --protocol 14.1', ''],
  );
  addExamples(
    program
      .command('completion')
      .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
      .description('print the script that completes easgate commands in a shell')
      .action(async (shell: Shell) => {
        process.stdout.write((await import('../completion.ts')).completionScript(program, shell));
      }),
    [
      'completion bash > ~/.local/share/bash-completion/completions/easgate',
      'or in ~/.bashrc: source <(easgate completion bash)',
    ],
    ['completion zsh > ~/.zfunc/_easgate', 'with fpath+=~/.zfunc before compinit'],
    ['completion fish > ~/.config/fish/completions/easgate.fish', ''],
  );
}

function registerWbxml(program: Command): void {
  const wbxml = program.command('wbxml').description('convert between WBXML and XML');
  addExamples(
    wbxml
      .command('decode')
      .description('WBXML on stdin (hex, base64 or binary) to XML')
      .option('--lines', 'one document per line, hex or base64; {"error"} for a refused one')
      .option('--unknown', 'keep tags that no code page lists')
      .action(async (options: DecodeOptions) => (await import('../wbxml.ts')).decode(options)),
    ['wbxml decode < body.bin', ''],
    ['wbxml decode --lines < bodies.hex', ''],
  );
  addExamples(
    wbxml
      .command('encode')
      .description('XML on stdin to WBXML')
      .option('--lines', 'one document per line; {"error"} for a refused one')
      .option('--format <format>', 'hex, base64 or binary', 'hex')
      .action(async (options: EncodeOptions) => (await import('../wbxml.ts')).encode(options)),
    ['wbxml encode --format binary < body.xml > body.bin', ''],
  );
  addExamples(wbxml, ['wbxml decode < body.bin', '']);
}
