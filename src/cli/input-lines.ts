// Owns reading lines of standard input, of a bounded length.
import { StringDecoder } from 'node:string_decoder';

/**
 * The lines of an input. They end at LF or CR LF and nowhere else: JSON may hold U+2028 and U+2029 in its texts, at which
 * `node:readline` ends a line too. Of a line longer than `longest` characters only the first `longest + 1` are kept.
 */
export async function* inputLines(input: AsyncIterable<Buffer>, longest: number): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let line = '';
  const keep = (text: string): void => {
    if (line.length <= longest) line += text.slice(0, longest + 1 - line.length);
  };
  for await (const chunk of input) {
    const text = decoder.write(chunk);
    let from = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      keep(text.slice(from, end));
      yield line.endsWith('\r') ? line.slice(0, -1) : line;
      line = '';
      from = end + 1;
    }
    keep(text.slice(from));
  }
  keep(decoder.end());
  if (line !== '') yield line;
}
