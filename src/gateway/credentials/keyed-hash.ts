// Owns the hash by which credentials are recognised in memory without being kept.
import { hash, randomBytes } from 'node:crypto';

/** A hash function with a random key of its own: whoever reads the hashes alone cannot try passwords. */
export class KeyedHash {
  /** Of one length, so that no two pairs of key and text are the same. */
  private readonly key = randomBytes(32).toString('base64');

  /**
   * SHA-256 of the key and the text, base64. HMAC (RFC 2104) also keeps others from hashing a longer text by the hash of a shorter
   * one, but nobody outside the process gets these hashes. It takes five times as long, and it is needed for each new connection.
   */
  of(text: string): string {
    return hash('sha256', this.key + text, 'base64');
  }
}
