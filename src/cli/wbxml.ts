// Owns the work of `easgate wbxml`: converts WBXML to XML and back, for reading captures.
import { codeOf, messageOf } from '../caught-error.ts';
import { decodeWbxml } from '../eas/wbxml/decode.ts';
import { encodeWbxml } from '../eas/wbxml/encode.ts';
import { DEFAULT_LIMITS } from '../eas/wbxml/limits.ts';
import { fromXml, toXml } from '../eas/wbxml/xml.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { readStdin } from './context.ts';
import { print } from './output.ts';

type Format = 'hex' | 'base64' | 'binary';

/** Options of `wbxml decode`. */
export interface DecodeOptions {
  readonly lines?: true;
  readonly unknown?: true;
}

/** Options of `wbxml encode`. */
export interface EncodeOptions {
  readonly lines?: true;
  readonly format: string;
}

/** `wbxml decode`. */
export async function decode({ lines, unknown }: DecodeOptions): Promise<void> {
  const input = await readStdin();
  if (input.toString('latin1').trim() === '')
    throw new ProgramError(
      'EASGATE_FORMAT',
      'the input is empty: give WBXML as bytes, hex or base64 on standard input',
    );
  const read = (bytes: Buffer): string =>
    toXml(decodeWbxml(bytes, { ...DEFAULT_LIMITS, keepUnknown: unknown === true }));
  if (lines) byLine(input, (line) => read(fromText(line)));
  else printXml(`${read(isText(input) ? fromText(input.toString('latin1')) : input)}\n`);
}

/** `wbxml encode`. */
export async function encode({ lines, format }: EncodeOptions): Promise<void> {
  if (!isFormat(format) || (lines && format === 'binary'))
    throw new ProgramError('EASGATE_USAGE', `--format ${format}: hex, base64 or (without --lines) binary`);
  const input = (await readStdin()).toString('utf8');
  if (lines) {
    byLine(Buffer.from(input), (line) =>
      encodeWbxml(fromXml(line)).toString(format === 'base64' ? 'base64' : 'hex'),
    );
    return;
  }
  const bytes = encodeWbxml(fromXml(input));
  process.stdout.write(format === 'binary' ? bytes : `${bytes.toString(format)}\n`);
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
      // One document per line: line breaks inside text are written as references.
      out = translate(line.trim()).replaceAll('\n', '&#10;');
    } catch (error) {
      const code = codeOf(error, 'EASGATE_WBXML');
      out = JSON.stringify({ error: messageOf(error), code });
    }
    printXml(`${out}\n`);
  }
}

/** Control and format characters become references, so that a capture changes nothing on the terminal, and loses nothing in a file. */
function printXml(text: string): void {
  print(
    text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (sign) =>
      sign === '\n' || sign === '\t' ? sign : `&#${sign.codePointAt(0)};`,
    ),
  );
}

function isText(input: Buffer): boolean {
  return /^[A-Za-z0-9+/=\s]*$/.test(input.toString('latin1'));
}

function fromText(text: string): Buffer {
  const compact = text.replace(/\s+/g, '');
  if (/^(?:[0-9a-fA-F]{2})*$/.test(compact)) return Buffer.from(compact, 'hex');
  const bytes = Buffer.from(compact, 'base64');
  if (bytes.toString('base64') !== compact) {
    throw new ProgramError('EASGATE_FORMAT', 'the input is neither hex nor base64');
  }
  return bytes;
}
