// Owns the command by which the scripts of look-ups are sent, thousands a second. The library makes a timer and some forty texts for each command, and
// takes the timer away again by `delete`, after which V8 keeps the command as a table: together a tenth of what a look-up allocates (decisions/0206).
import { Command } from 'ioredis';
import type { Limited } from '../deadline.ts';

/** The header of a text in a command, by its length in bytes: `$12` (redis.io, Redis serialization protocol). */
const LENGTHS = Array.from({ length: 256 }, (_, bytes) => `$${bytes}`);
const LINE_END = '\r\n';

/** Runs a script by its hash; its reply is one text, which stays bytes. Its time must be limited by a {@link Limited}: the library's limit does not apply. */
export class ScriptCommand extends Command implements Limited {
  endsAt = 0;
  previous: Limited | null = null;
  next: Limited | null = null;
  private readonly words: readonly string[];

  constructor(sha: string, keys: readonly string[], values: readonly string[]) {
    // The library is not given the words: it would copy them, and put them into errors.
    super('evalsha', [], { replyEncoding: null });
    this.words = [sha, String(keys.length), ...keys, ...values];
  }

  override setTimeout(): void {
    // Nothing: one timer limits all commands.
  }

  override toWritable(): string {
    const { words } = this;
    const parts = [`*${words.length + 1}`, '$7', 'evalsha'];
    for (const word of words) {
      const bytes = Buffer.byteLength(word);
      parts.push(LENGTHS[bytes] ?? `$${bytes}`, word);
    }
    parts.push('');
    return parts.join(LINE_END);
  }

  /** Rejects with the error of the library. */
  expire(): void {
    if (!this.isSettled) this.reject(new Error('Command timed out'));
  }
}
