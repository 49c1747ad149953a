// Owns `easgate wbxml`: WBXML to XML and back, for people who read captures.
import type { Command } from 'commander';
import { decodeWbxml } from '../eas/wbxml/decode.ts';
import { encodeWbxml } from '../eas/wbxml/encode.ts';
import { DEFAULT_LIMITS } from '../eas/wbxml/limits.ts';
import { fromXml, toXml } from '../eas/wbxml/xml.ts';
import { CommandError, readStdin } from './context.ts';

type Format = 'hex' | 'base64' | 'binary';

interface Options {
  readonly lines?: true;
  readonly format?: string;
  readonly unknown?: true;
}

/** Registers `wbxml decode` and `wbxml encode`. */
export function registerWbxml(program: Command): void {
  const wbxml = program.command('wbxml').description('translate between WBXML and XML');
  wbxml
    .command('decode')
    .description('WBXML on stdin (hex, base64 or binary) to XML')
    .option('--lines', 'one document a line, hex or base64; {"error"} for one that is refused')
    .option('--unknown', 'keep tags that no code page lists')
    .action(async (options: Options) => {
      const input = await readStdin();
      const decode = (bytes: Buffer): string =>
        toXml(decodeWbxml(bytes, { ...DEFAULT_LIMITS, keepUnknown: options.unknown === true }));
      if (options.lines) byLine(input, (line) => decode(fromText(line)));
      else process.stdout.write(decode(isText(input) ? fromText(input.toString('latin1')) : input) + '\n');
    });
  wbxml
    .command('encode')
    .description('XML on stdin to WBXML')
    .option('--lines', 'one document a line; {"error"} for one that is refused')
    .option('--format <format>', 'hex, base64 or binary', 'hex')
    .action(async (options: Options) => {
      const format = options.format ?? 'hex';
      if (!isFormat(format) || (options.lines && format === 'binary')) {
        throw new CommandError(
          'EASGATE_FORMAT',
          `--format ${format}: hex, base64 or (without --lines) binary`,
        );
      }
      const input = (await readStdin()).toString('utf8');
      if (options.lines) {
        byLine(Buffer.from(input), (line) =>
          encodeWbxml(fromXml(line)).toString(format === 'base64' ? 'base64' : 'hex'),
        );
        return;
      }
      const bytes = encodeWbxml(fromXml(input));
      process.stdout.write(format === 'binary' ? bytes : bytes.toString(format) + '\n');
    });
}

function isFormat(text: string): text is Format {
  return text === 'hex' || text === 'base64' || text === 'binary';
}

function byLine(input: Buffer, translate: (line: string) => string): void {
  const lines = input.toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const line of lines) {
    let out: string;
    try {
      // One document a line: line breaks inside text are written as references.
      out = translate(line.trim()).replaceAll('\n', '&#10;');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'EASGATE_WBXML';
      out = JSON.stringify({ error: error instanceof Error ? error.message : String(error), code });
    }
    process.stdout.write(out + '\n');
  }
}

function isText(input: Buffer): boolean {
  return /^[A-Za-z0-9+/=\s]*$/.test(input.toString('latin1'));
}

function fromText(text: string): Buffer {
  const compact = text.replace(/\s+/g, '');
  if (/^(?:[0-9a-fA-F]{2})*$/.test(compact)) return Buffer.from(compact, 'hex');
  const bytes = Buffer.from(compact, 'base64');
  if (bytes.toString('base64') !== compact) {
    throw new CommandError('EASGATE_FORMAT', 'the input is neither hex nor base64');
  }
  return bytes;
}
