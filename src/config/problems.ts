// Owns what is wrong with a configuration: problems with their place, and how they are shown in a terminal and in a log.

/** One thing to correct, or (a warning) to look at. */
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
  /** About the dates or names of a certificate: a gateway starts with it all the same, it may be one of several. */
  readonly aboutCertificate: boolean;
}

/** The configuration cannot be used; the message lists every problem. */
export class ConfigError extends Error {
  readonly code = 'EASGATE_CONFIG';
  /** One line each, for logs. */
  readonly problems: readonly string[];
  /** The field that all of them are about; null = of a file. */
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

/** As {@link ConfigError}, with the place of every problem in the file. */
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

/** A problem as a terminal shows it: place, words, and the line it is about. */
export function report(path: string, { severity, place, text, line, column, excerpt }: Problem): string {
  const at = line === null ? path : `${path}:${line}:${column ?? 1}`;
  const head = `${at}: ${severity}: ${place === '' ? '' : `${place}: `}${text}`;
  return excerpt === '' ? head : `${head}\n${excerpt}`;
}

/** A problem as a log line has it. */
export function oneLine({ place, text, line, column }: Problem): string {
  const at = line === null ? '' : ` (line ${line}, column ${column ?? 1})`;
  return `${place === '' ? 'the file' : place}${at}: ${text}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
