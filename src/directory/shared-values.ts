// Owns texts, lists and maps that many cached records have alike: models, systems, groups. Each is kept once, frozen, and records name
// it by a number. Bounded, and never emptied: what does not fit is kept by its record.

/** Most values, and most characters of them together, for one process. */
const MAX_VALUES = 8_192;
const MAX_CHARACTERS = 1_000_000;
/** Longest text that is shared; of a list or map, in JSON. */
const MAX_LENGTH = 4_096;

/** Values by number. */
export class SharedValues {
  private readonly texts = new Map<string, number>();
  /** Lists and maps, by their JSON. */
  private readonly others = new Map<string, number>();
  private readonly values: unknown[] = [];
  private characters = 0;

  /** The number of a text; null = it is not shared. */
  ofText(text: string): number | null {
    return this.texts.get(text) ?? this.add(this.texts, text, text);
  }

  /** The number of a flat list or map; null = it is not shared. */
  ofJson(json: string): number | null {
    return this.others.get(json) ?? this.add(this.others, json, null);
  }

  /** What has this number: a text, or a frozen list or map. Undefined = nothing. */
  at(number: number): unknown {
    return this.values[number];
  }

  /** `text` null = the value is what `key` says in JSON. */
  private add(numbers: Map<string, number>, key: string, text: string | null): number | null {
    const { length } = key;
    if (length > MAX_LENGTH || this.values.length >= MAX_VALUES || this.characters + length > MAX_CHARACTERS)
      return null;
    this.characters += length;
    const number = this.values.push(text ?? Object.freeze(JSON.parse(key))) - 1;
    numbers.set(key, number);
    return number;
  }
}
