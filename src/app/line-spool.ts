// Owns a temporary file of lines: a run is looked at as a whole before anything of it is written, and may be larger than memory.
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PIECE = 262_144;
/** They end a line for `readline`, and stand unescaped in JSON. */
const SEPARATORS = /[\u2028\u2029]/g;

/** Lines that are written once, and then read as often as needed. Only its user can read the file. */
export class LineSpool<Line> {
  private readonly folder: string;
  private readonly file: FileHandle;
  private pending = '';

  private constructor(folder: string, file: FileHandle) {
    this.folder = folder;
    this.file = file;
  }

  static async open<Line>(): Promise<LineSpool<Line>> {
    const folder = await mkdtemp(join(tmpdir(), 'easgate-lines-'));
    return new LineSpool<Line>(folder, await open(join(folder, 'lines'), 'w', 0o600));
  }

  async add(line: Line): Promise<void> {
    this.pending += `${JSON.stringify(line).replaceAll(SEPARATORS, (sign) => (sign === '\u2028' ? '\\u2028' : '\\u2029'))}\n`;
    if (this.pending.length >= PIECE) await this.flush();
  }

  /** All lines added so far, in batches. */
  async *batches(size: number): AsyncGenerator<readonly Line[]> {
    await this.flush();
    const input = createReadStream(join(this.folder, 'lines'), { highWaterMark: PIECE });
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

  /** Removes the file. */
  async close(): Promise<void> {
    await this.file.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async flush(): Promise<void> {
    const text = this.pending;
    this.pending = '';
    if (text !== '') await this.file.writeFile(text);
  }
}
