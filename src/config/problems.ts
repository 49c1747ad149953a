// Owns the problems of a configuration: their places, and their text form in a terminal and in a log.

/** One error or warning. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  /** The field, dotted, as `listen.tls.certificates.0.key`; empty = the file as a whole. */
  readonly place: string;
  readonly text: string;
  /** Both from 1; null = nowhere in the file. */
  readonly line: number | null;
  readonly column: number | null;
  /** The line with a mark below it; secrets are left out. Empty without a line. */
  readonly excerpt: string;
  /** About dates or names of a certificate. The gateway starts anyway: other certificates may be good. */
  readonly aboutCertificate: boolean;
}

/** The configuration cannot be used; the message lists every problem. */
export class ConfigError extends Error {
  readonly code = 'EASGATE_CONFIG';
  /** One line each, for logs. */
  readonly problems: readonly string[];
  /** The field that all problems are about; null = the problems are about a file. */
  readonly place: string | null;

  /** `path` is the file, or the field that all of `problems` are about. */
  constructor(path: string, problems: readonly string[]) {
    super(
      `${path}: ${count(problems.length, 'problem')}\n${problems.map((text) => `  - ${text}`).join('\n')}`,
    );
    this.problems = problems;
    this.place = path;
  }
}

/** Like {@link ConfigError}, with the place of every problem in the file. */
export class ConfigFileError extends ConfigError {
  constructor(path: string, found: readonly Problem[]) {
    super(path, found.map(oneLine));
    this.message = `${path}: ${summary(found)}\n\n${found.map((problem) => report(path, problem)).join('\n\n')}`;
  }
}

/** `2 errors, 1 warning`. */
export function summary(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  if (warnings === 0) return count(errors, 'error');
  return `${errors === 0 ? 'no errors' : count(errors, 'error')}, ${count(warnings, 'warning')}`;
}

/** A problem for a terminal: place, text and source line. */
export function report(path: string, { severity, place, text, line, column, excerpt }: Problem): string {
  const at = line === null ? path : `${path}:${line}:${column ?? 1}`;
  const head = `${at}: ${severity}: ${place === '' ? '' : `${place}: `}${text}`;
  return excerpt === '' ? head : `${head}\n${excerpt}`;
}

/** A problem as one log line. */
export function oneLine({ place, text, line, column }: Problem): string {
  const at = line === null ? '' : ` (line ${line}, column ${column ?? 1})`;
  return `${place === '' ? 'the file' : place}${at}: ${text}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
