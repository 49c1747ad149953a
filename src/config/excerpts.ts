// Owns excerpts of a configuration file, without secrets.
import { isMap, isScalar, isSeq, visit } from 'yaml';
import { isSecret, placesOf, schemaAt } from './json-schema.ts';
import { spanOf } from './yaml-source.ts';
import type { Span, YamlSource } from './yaml-source.ts';

/** A line of the file that may be shown. */
export interface Excerpt {
  readonly line: number;
  readonly column: number;
  readonly excerpt: string;
}

const MAX_WIDTH = 100;
/** Characters shown before the marked place of a long line. */
const LEAD = 50;
const HIDDEN = '…';
/** A URL with a password, or the text of a key in place of its path (RFC 7468): no field should have these. */
const LIKE_A_SECRET = /:\/\/.*@|-----BEGIN /;
/** A line of base64 as in a key. */
const BASE64_LINE = /[A-Za-z0-9+/=]{40}/;

/** The lines of a configuration file for messages. */
export class Excerpts {
  private readonly source: YamlSource;
  private readonly text: string;
  private hidden: readonly Span[] | null = null;

  constructor(source: YamlSource) {
    this.source = source;
    this.text = source.text;
  }

  /** The line of a position, with a mark below it. `broken`: the tree of the file is unreliable. */
  at({ from, to }: Span, broken = false): Excerpt {
    const { line, column } = this.source.placeAt(from);
    const start = from - column + 1;
    const newline = this.text.indexOf('\n', start);
    const end = newline === -1 ? this.text.length : newline;
    const show = (a: number, b: number): string =>
      broken ? this.text.slice(a, b) : this.withoutSecrets(a, b);
    const whole = broken ? this.plain(start, end) : show(start, end);
    const visible = whole.trimEnd();
    const before = Math.min(show(start, Math.min(from, end)).length, visible.length);
    const marked = Math.max(
      1,
      Math.min(show(from, Math.max(from, Math.min(to, end))).length, visible.length - before),
    );
    const cut = before + marked > MAX_WIDTH ? Math.max(0, before - LEAD) : 0;
    const number = String(line).padStart(5);
    const shown = visible.slice(cut, cut + MAX_WIDTH).replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ');
    const mark = ' '.repeat(before - cut) + '^'.repeat(Math.min(marked, MAX_WIDTH));
    return { line, column, excerpt: `${number} | ${shown}\n${' '.repeat(5)} | ${mark}` };
  }

  /** Text of the file without secrets, values of unknown names and comments. */
  private withoutSecrets(from: number, to: number): string {
    this.hidden ??= this.secretSpans();
    let shown = '';
    let at = from;
    for (const span of this.hidden) {
      if (span.to <= at || span.from >= to) continue;
      shown += this.text.slice(at, Math.max(at, span.from)) + HIDDEN;
      at = Math.min(span.to, to);
    }
    return shown + this.text.slice(at, to);
  }

  private secretSpans(): Span[] {
    const spans: Span[] = [];
    const scalars: Span[] = [];
    visit(this.source.document, {
      Pair: (_key, pair, ancestors) => {
        const path = [...ancestors, pair].flatMap((node, index, all) => stepOf(node, all[index + 1]));
        const schema = schemaAt(path);
        const { value } = pair;
        if (schema !== null && !(isSecret(schema) && !isReference(value))) return undefined;
        const span = spanOf(value);
        if (span !== null) spans.push(span);
        return visit.SKIP;
      },
      Scalar: (_key, scalar) => {
        const span = spanOf(scalar);
        if (span === null) return;
        scalars.push(span);
        if (typeof scalar.value === 'string' && LIKE_A_SECRET.test(scalar.value)) spans.push(span);
      },
    });
    const known = [...spans, ...scalars];
    for (const found of this.text.matchAll(/(?<=^|[ \t])#.*$/gm)) {
      const { index } = found;
      if (known.every((span) => index < span.from || index >= span.to))
        spans.push({ from: index, to: index + found[0].length });
    }
    return spans.sort((a, b) => a.from - b.from);
  }

  /**
   * A line of a file that is not valid YAML. It is shown only when no name on it, or on the nearest line above with a
   * name, is that of a secret.
   */
  private plain(from: number, to: number): string {
    const line = this.text.slice(from, to);
    const names = namesOf(line);
    const above = this.text.slice(0, from).split('\n').reverse();
    const owner = names.length > 0 ? names : namesOf(above.find((one) => namesOf(one).length > 0) ?? '');
    const odd = line.includes('@') || LIKE_A_SECRET.test(line) || BASE64_LINE.test(line);
    if (owner.every(isHarmless) && !odd) return line;
    const colon = line.indexOf(':');
    return names.length > 0 && colon !== -1 ? `${line.slice(0, colon + 1)} ${HIDDEN}` : HIDDEN;
  }
}

/** The last step of the path of a node. */
function stepOf(node: unknown, next: unknown): (string | number)[] {
  if (isSeq(node)) return [Math.max(0, node.items.indexOf(next))];
  if (typeof node !== 'object' || node === null || !('key' in node)) return [];
  return [String(isScalar(node.key) ? node.key.value : node.key)];
}

/** `{ env: NAME }` and `{ file: PATH }` contain the place of a secret, not the secret. */
function isReference(value: unknown): boolean {
  return (
    isMap(value) &&
    value.items.every(({ key }) => isScalar(key) && (key.value === 'env' || key.value === 'file'))
  );
}

function namesOf(line: string): string[] {
  return [...line.matchAll(/([A-Za-z_][\w-]*)["']?\s*:(?!\/\/)/g)].map(([, name = '']) => name);
}

function isHarmless(name: string): boolean {
  const places = placesOf(name);
  return (
    places.length > 0 &&
    places.every((place) => {
      const path = place
        .split('.')
        .flatMap((step) => (step.endsWith('[]') ? [step.slice(0, -2), 0] : [step]));
      const schema = schemaAt(path);
      return schema !== null && !isSecret(schema);
    })
  );
}
