// Owns the template language: `{{name}}` and `{{#name}}…{{/name}}`, parsed once, rendered into text, HTML or a header.

/** Variables that a template may use. */
export const VARIABLES = [
  'user',
  'device',
  'model',
  'reason',
  'requirement',
  'enrolmentUrl',
  'helpContact',
  'since',
  'nextStep',
  'organisation',
] as const;

export type Variable = (typeof VARIABLES)[number];

/** Variables that every message has a value for. */
const ALWAYS_SET: ReadonlySet<Variable> = new Set<Variable>(['user', 'device', 'reason', 'since']);

/** Values of one message, cleaned by {@link cleanValues}; an absent or empty value is missing. */
export type Values = Readonly<Partial<Record<Variable, string>>>;

const MAX_SOURCE = 4_096;
const MAX_DEPTH = 4;
const MAX_VALUE = 256;
/** Longest URL. A longer one is omitted: a truncated URL leads elsewhere. */
const MAX_URL = 2_048;
const MAX_RENDERED = 8_192;

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: Variable }
  | { readonly kind: 'section'; readonly name: Variable; readonly nodes: readonly Node[] };

/** A parsed template; frozen input of the renderers. */
export interface Template {
  readonly nodes: readonly Node[];
}

/** One stretch of rendered plain text, not yet escaped. */
export interface Segment {
  readonly text: string;
  readonly variable: boolean;
}

/** A template cannot be parsed; the message has the position. */
export class TemplateError extends Error {
  readonly code = 'EASGATE_TEMPLATE';

  constructor(place: string, source: string, offset: number, problem: string) {
    const before = source.slice(0, offset).split('\n');
    const column = (before.at(-1)?.length ?? 0) + 1;
    super(`${place}: line ${before.length}, column ${column}: ${problem}`);
  }
}

interface Level {
  readonly name: Variable | null;
  readonly offset: number;
  readonly nodes: Node[];
}

/**
 * Parses a template.
 * @param place named in errors, such as `de.yaml: messages.notEnrolled.subject`
 * @param needed the text must never be empty: a variable that may be missing is allowed only in a section of its own
 * name
 * @throws TemplateError
 */
export function parseTemplate(source: string, place: string, needed = false): Template {
  const fail = (offset: number, problem: string): TemplateError =>
    new TemplateError(place, source, offset, problem);
  if (source.length > MAX_SOURCE) throw fail(MAX_SOURCE, `longer than ${MAX_SOURCE} characters`);
  const root: Level = { name: null, offset: 0, nodes: [] };
  const levels: Level[] = [root];
  let top = root;
  let position = 0;
  while (position < source.length) {
    const open = source.indexOf('{{', position);
    const end = open === -1 ? source.length : open;
    if (end > position) top.nodes.push({ kind: 'text', text: cleanText(source.slice(position, end)) });
    if (open === -1) break;
    const close = source.indexOf('}}', open + 2);
    if (close === -1) throw fail(open, '"{{" without "}}"');
    const tag = source.slice(open + 2, close).trim();
    position = close + 2;
    const sign = tag.charAt(0);
    const written = sign === '#' || sign === '/' ? tag.slice(1).trim() : tag;
    const name = VARIABLES.find((variable) => variable === written);
    if (name === undefined) {
      throw fail(open, `unknown variable ${JSON.stringify(written)}; known are ${VARIABLES.join(', ')}`);
    }
    if (sign === '#') {
      if (levels.length > MAX_DEPTH) throw fail(open, `sections nested more than ${MAX_DEPTH} deep`);
      top = { name, offset: open, nodes: [] };
      levels.push(top);
    } else if (sign === '/') {
      if (top.name !== name) throw fail(open, `{{/${name}}} closes no open section of that name`);
      const { nodes } = top;
      levels.pop();
      top = levels.at(-1) ?? root;
      top.nodes.push({ kind: 'section', name, nodes });
    } else {
      if (needed && !ALWAYS_SET.has(name) && !levels.some((level) => level.name === name)) {
        throw fail(open, `${name} may be missing: write {{#${name}}}…{{${name}}}…{{/${name}}} here`);
      }
      top.nodes.push({ kind: 'variable', name });
    }
  }
  if (top.name !== null) throw fail(top.offset, `{{#${top.name}}} is never closed`);
  return { nodes: root.nodes };
}

/**
 * The text with its variables filled in, cut at a bound; `null` when it is empty, or when a variable outside a section
 * has no value (a label without a value is useless).
 */
export function render(template: Template, values: Values): readonly Segment[] | null {
  const segments: Segment[] = [];
  if (!fill(template.nodes, values, segments)) return null;
  let room = MAX_RENDERED;
  const kept: Segment[] = [];
  for (const segment of segments) {
    // A value is dropped completely: a truncated URL would be another URL.
    if (segment.text.length > room && segment.variable) break;
    kept.push({ ...segment, text: segment.text.slice(0, room).toWellFormed() });
    room -= segment.text.length;
    if (room <= 0) break;
  }
  return kept.some(({ text }) => text.trim() !== '') ? kept : null;
}

function fill(nodes: readonly Node[], values: Values, into: Segment[]): boolean {
  for (const node of nodes) {
    if (node.kind === 'text') {
      into.push({ text: node.text, variable: false });
      continue;
    }
    const value = values[node.name] ?? '';
    if (node.kind === 'variable') {
      if (value === '') return false;
      into.push({ text: value, variable: true });
    } else if (value !== '' && !fill(node.nodes, values, into)) {
      return false;
    }
  }
  return true;
}

/** One line of plain text: safe in a text body and, encoded, in a header. */
export function plain(segments: readonly Segment[]): string {
  return segments
    .map(({ text }) => text)
    .join('')
    .trim();
}

/** HTML text: everything escaped; a variable that is an http(s) address becomes a link. */
export function html(segments: readonly Segment[]): string {
  return segments
    .map(({ text, variable }) => (variable ? htmlValue(text) : escapeHtml(text)))
    .join('')
    .trim();
}

function htmlValue(text: string): string {
  const href = safeHref(text);
  // <bdi> keeps a name in another script from reordering the words around it.
  if (href === null) return `<bdi>${escapeHtml(text)}</bdi>`;
  return `<a href="${escapeHtml(href)}">${escapeHtml(text)}</a>`;
}

/** The address for an `href`, normalised; `null` unless it is an absolute http(s) URL. */
export function safeHref(text: string): string | null {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return null;
  const { protocol, href } = new URL(text);
  return protocol === 'https:' || protocol === 'http:' ? href : null;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes for HTML text and for attribute values in double or single quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** Prepares values for templates: one line each, bounded, no empty ones. */
export function cleanValues(values: Readonly<Partial<Record<Variable, string | null>>>): Values {
  const cleaned: Partial<Record<Variable, string>> = {};
  for (const name of VARIABLES) {
    const value = bounded(values[name] ?? '', name).trim();
    if (value !== '') cleaned[name] = value;
  }
  return cleaned;
}

function bounded(value: string, name: Variable): string {
  const limit = name === 'enrolmentUrl' || name === 'helpContact' ? MAX_URL : MAX_VALUE;
  if (value.length <= limit) return cleanText(value);
  if (limit === MAX_URL) return '';
  return `${cleanText(value.slice(0, limit - 1)).replace(/\uFFFD$/, '')}…`;
}

/**
 * Text as one line. Line breaks and control characters become a space: a phone chooses its own model name and must not
 * start a new header or line. Direction overrides and lone surrogates are removed.
 */
export function cleanText(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Bidi_Control}\uFEFF]/gu, '')
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
