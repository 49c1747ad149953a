// Owns a temporary file of lines: a run is looked at as a whole before anything of it is written, and may be larger than memory.
import { randomUUID } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';

/** Bytes that are read or written at once. */
const PIECE = 262_144;

/**
 * Lines that are written once, and then read as often as needed. The file has no name: it is gone with the process, also with one that
 * is killed.
 */
export class LineSpool<Line> {
  private readonly file: FileHandle;
  private pending = '';

  private constructor(file: FileHandle) {
    this.file = file;
  }

  static async open<Line>(): Promise<LineSpool<Line>> {
    const path = join(tmpdir(), `easgate-lines-${randomUUID()}`);
    const spool = new LineSpool<Line>(await open(path, 'wx+', 0o600));
    try {
      await unlink(path);
      return spool;
    } catch (error) {
      await spool.close();
      throw error;
    }
  }

  async add(line: Line): Promise<void> {
    // JSON escapes the ends of lines in texts.
    this.pending += `${JSON.stringify(line)}\n`;
    if (this.pending.length >= PIECE) await this.flush();
  }

  /** All lines added so far, in batches. */
  async *batches(size: number): AsyncGenerator<readonly Line[]> {
    await this.flush();
    let batch: Line[] = [];
    for await (const texts of this.texts())
      for (const text of texts) {
        batch.push(JSON.parse(text) as Line);
        if (batch.length < size) continue;
        yield batch;
        batch = [];
      }
    if (batch.length > 0) yield batch;
  }

  /** Removes what was written. Node ends the process where this is forgotten: a file that the collector of garbage closes is an error. */
  async close(): Promise<void> {
    await this.file.close();
  }

  /** The lines of each piece of the file that end in it. */
  private async *texts(): AsyncGenerator<readonly string[]> {
    const decoder = new StringDecoder('utf8');
    const piece = Buffer.allocUnsafe(PIECE);
    let open = '';
    for (let position = 0; ;) {
      const { bytesRead } = await this.file.read(piece, 0, PIECE, position);
      if (bytesRead === 0) return;
      position += bytesRead;
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
    if (text !== '') await this.file.writeFile(text);
  }
}
