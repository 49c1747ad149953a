// Owns texts of facts that many phones have alike, such as models, systems and groups: each is folded and parsed once, not once for each
// phone. Bounded: a full table begins anew, so texts that are made up cost time, never memory.
import { folded, versionOf } from './read-facts.ts';
import type { Text, VersionText } from './facts.ts';

/** Most texts of each kind. */
const MAX_TEXTS = 4_096;
/** Longest text that is kept, in characters. */
const MAX_LENGTH = 256;

/** Results of a function of a text. */
export class Repeated<T> {
  private readonly results = new Map<string, T>();
  private readonly of: (text: string) => T;

  constructor(of: (text: string) => T) {
    this.of = of;
  }

  at(text: string): T {
    return this.results.get(text) ?? this.add(text);
  }

  private add(text: string): T {
    const result = this.of(text);
    if (text.length > MAX_LENGTH) return result;
    if (this.results.size >= MAX_TEXTS) this.results.clear();
    this.results.set(text, result);
    return result;
  }
}

const texts = new Repeated(folded);
const versions = new Repeated((text) => versionOf(text));

/** Like {@link folded}, for texts that repeat; null = none. */
export function repeatedText(text: string): Text;
export function repeatedText(text: string | null | undefined): Text | null;
export function repeatedText(text: string | null | undefined): Text | null {
  return text === null || text === undefined ? null : texts.at(text);
}

/** Likewise, their versions. A text in which there is no version is read anew each time. */
export function repeatedVersion(text: string | null | undefined): VersionText | null {
  return text === null || text === undefined ? null : versions.at(text);
}
