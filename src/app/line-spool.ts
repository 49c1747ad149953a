// Owns a temporary file of lines: a run is looked at as a whole before anything of it is written, and may be larger than memory.
import { randomUUID } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

const PIECE = 262_144;
/** They end a line for `readline`, and stand unescaped in JSON. */
const SEPARATORS = /[\u2028\u2029]/g;

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
    const file = await open(path, 'wx+', 0o600);
    await unlink(path);
    return new LineSpool<Line>(file);
  }

  async add(line: Line): Promise<void> {
    this.pending += `${JSON.stringify(line).replaceAll(SEPARATORS, (sign) => (sign === '\u2028' ? '\\u2028' : '\\u2029'))}\n`;
    if (this.pending.length >= PIECE) await this.flush();
  }

  /** All lines added so far, in batches. */
  async *batches(size: number): AsyncGenerator<readonly Line[]> {
    await this.flush();
    const input = Readable.from(this.pieces(), { objectMode: false });
    let batch: Line[] = [];
    try {
      for await (const text of createInterface({ input, crlfDelay: Infinity })) {
        batch.push(JSON.parse(text) as Line);
        if (batch.length < size) continue;
        yield batch;
        batch = [];
      }
      if (batch.length > 0) yield batch;
    } finally {
      input.destroy();
    }
  }

  /** Removes what was written. */
  async close(): Promise<void> {
    await this.file.close();
  }

  private async *pieces(): AsyncGenerator<Buffer> {
    for (let position = 0; ;) {
      const { buffer, bytesRead } = await this.file.read(Buffer.allocUnsafe(PIECE), 0, PIECE, position);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      position += bytesRead;
    }
  }

  private async flush(): Promise<void> {
    const text = this.pending;
    this.pending = '';
    if (text !== '') await this.file.writeFile(text);
  }
}
