// Owns the form of log lines for a person at a terminal, made from the JSON lines: speed is of no matter there.
const LEVELS: readonly (readonly [number, string, string])[] = [
  [50, 'error', '\u001b[31m'],
  [40, 'warn', '\u001b[33m'],
  [30, 'info', ''],
];
const DIM = '\u001b[2m';
const END = '\u001b[0m';
/** Keys that are shown without their name, in this order. */
const LEADING = [
  'code',
  'event',
  'status',
  'method',
  'command',
  'path',
  'user',
  'device',
  'action',
  'error',
  'msg',
];
const HIDDEN = new Set(['level', 'time', ...LEADING]);

/** JSON lines as lines for a person, with colours or without. */
export function humanLines(json: string, colours: boolean): string {
  return json
    .split('\n')
    .map((line) => (line === '' ? '' : humanLine(line, colours)))
    .join('\n');
}

function humanLine(line: string, colours: boolean): string {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { level, time } = fields;
  const [, word, colour] = LEVELS.find(([from]) => Number(level) >= from) ?? [0, 'debug', DIM];
  const leading = LEADING.flatMap((key) => {
    const value = fields[key];
    return value === undefined || value === null || value === '' ? [] : [textOf(value)];
  });
  const others = Object.entries(fields)
    .filter(([key, value]) => !HIDDEN.has(key) && value !== null && value !== '')
    .map(([key, value]) => `${key}=${textOf(value)}`);
  const moment = new Date(String(time)).toTimeString().slice(0, 8);
  const paint = (text: string, with_: string): string =>
    colours && with_ !== '' && text !== '' ? `${with_}${text}${END}` : text;
  return [paint(moment, DIM), paint(word.padEnd(5), colour), ...leading, paint(others.join(' '), DIM)]
    .filter((part) => part !== '')
    .join(' ');
}

/** Lists and objects as JSON; texts as they are: control characters were removed or are escaped here. */
function textOf(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');
}
