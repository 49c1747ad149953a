// Owns a temporary file of lines: a run is looked at as a whole before anything of it is written, and may be larger than memory.
import { Buffer } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import { TemporaryFile } from '../temporary-file.ts';
import { inBatches } from './in-batches.ts';

/** Characters that are written, and bytes that are read at once. */
const PIECE = 262_144;

/** Lines that are written once, and then read as often as needed. Few of them, as of a small delivery, need no file. */
export class LineSpool<Line> {
  /** Made for the first piece. */
  private file: TemporaryFile | null = null;
  private pending = '';

  /** @throws ProgramError EASGATE_TEMPORARY_FILES */
  async add(line: Line): Promise<void> {
    // JSON escapes the ends of lines in texts.
    this.pending += `${JSON.stringify(line)}\n`;
    if (this.pending.length >= PIECE) await this.flush();
  }

  /** All lines added so far, in batches. @throws ProgramError EASGATE_TEMPORARY_FILES */
  batches(size: number): AsyncGenerator<readonly Line[]> {
    return inBatches(this.texts(), size, (text) => JSON.parse(text) as Line);
  }

  /** Removes what was written; must not be forgotten (temporary-file.ts). */
  async close(): Promise<void> {
    await this.file?.close();
  }

  /** The lines of each piece of the file that end in it. */
  private async *texts(): AsyncGenerator<readonly string[]> {
    if (this.file === null) {
      yield this.pending.split('\n').slice(0, -1);
      return;
    }
    await this.flush();
    const decoder = new StringDecoder('utf8');
    // One for all: each is decoded before the next one is read.
    const piece = Buffer.allocUnsafeSlow(PIECE);
    let open = '';
    for (let place = 0; ;) {
      const { bytesRead } = await this.file.handle.read(piece, 0, PIECE, place);
      if (bytesRead === 0) return;
      place += bytesRead;
      const text = decoder.write(piece.subarray(0, bytesRead));
      open += text;
      if (!text.includes('\n')) continue;
      const texts = open.split('\n');
      open = texts.pop() ?? '';
      yield texts;
    }
  }

  private async flush(): Promise<void> {
    const text = this.pending;
    this.pending = '';
    if (text === '') return;
    this.file ??= await TemporaryFile.open();
    await this.file.write(text);
  }
}
