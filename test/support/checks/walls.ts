// Owns the import rules: which folder of src may import which, and which packages. The linter's rules and the table in
// docs/architecture.md are both made from it: `npm run walls` writes them, test/walls.test.ts compares them.
import { readFileSync, writeFileSync } from 'node:fs';

/** One folder or file directly below src/. */
export interface Wall {
  readonly name: string;
  /** Its contents, for the table. */
  readonly holds: string;
  /** Other folders and files below src/ that it may import, types too. */
  readonly may: readonly string[];
  /** A pure folder does no I/O and reads no clock: it may import only these packages and built-in modules. */
  readonly pure?: readonly string[];
}

const PROTOCOLS = ['errors', 'plain-text.ts'];

/** From the lowest layer to the highest. */
export const WALLS: readonly Wall[] = [
  { name: 'errors', holds: 'the tables of errors: code, status, what to do', may: [], pure: [] },
  { name: 'plain-text.ts', holds: 'texts of phones, bounded, without control characters', may: [], pure: [] },
  {
    name: 'text-methods.ts',
    holds: 'string methods as functions, for loops over a whole directory',
    may: [],
    pure: [],
  },
  { name: 'ip-address.ts', holds: 'IP addresses and ranges of them', may: [], pure: [] },
  { name: 'suggest.ts', holds: 'the known name nearest to a misspelt one', may: [], pure: [] },
  { name: 'caught-error.ts', holds: 'what a caught value says: message and code', may: [], pure: [] },
  {
    name: 'cel-syntax.ts',
    holds: 'which CEL expressions may be used at all',
    may: ['suggest.ts'],
    pure: [],
  },
  { name: 'clock.ts', holds: 'the monotonic clock of all deadlines', may: [] },
  {
    name: 'coalesced-timers.ts',
    holds: 'timers that share the wake-ups of a process',
    may: ['clock.ts'],
  },
  {
    name: 'in-turns.ts',
    holds: 'long work in parts, with turns of the event loop between',
    may: ['clock.ts'],
  },
  {
    name: 'name-index.ts',
    holds: 'numbers of names by their hashes, in typed arrays',
    may: ['text-methods.ts'],
  },
  { name: 'number-lists.ts', holds: 'numbers by number, in typed arrays', may: [], pure: [] },
  { name: 'flush-timer.ts', holds: 'the timer of a queue that is written in the background', may: [] },
  { name: 'thread-file.ts', holds: 'where the program of a thread is', may: [] },
  { name: 'node-http.ts', holds: "Node's HTTP modules, without what they load for others", may: [] },
  { name: 'file-words.ts', holds: 'why a file cannot be used, in words', may: ['caught-error.ts'] },
  {
    name: 'temporary-file.ts',
    holds: 'files without a name, for what is larger than memory',
    may: ['errors', 'caught-error.ts', 'file-words.ts'],
  },
  { name: 'program-version.ts', holds: 'the version of the program', may: [] },
  { name: 'node-version.ts', holds: 'which Node.js the program needs', may: [], pure: [] },
  { name: 'compile-cache.ts', holds: 'where Node.js keeps the compiled program', may: [] },
  { name: 'describe-errors.ts', holds: 'docs/reference/errors.md', may: ['errors'], pure: [] },
  { name: 'http', holds: 'HTTP/1.1 heads, framing, replies', may: PROTOCOLS, pure: [] },
  {
    name: 'eas',
    holds: 'Exchange ActiveSync: query, commands, versions, WBXML, Autodiscover, wipe',
    may: [...PROTOCOLS, 'http'],
    pure: ['node:buffer', 'node:zlib', 'sax'],
  },
  {
    name: 'identity',
    holds: 'user and device keys, client address',
    may: [...PROTOCOLS, 'ip-address.ts', 'http', 'eas'],
    // The forms of a domain.
    pure: ['node:url'],
  },
  {
    name: 'model',
    holds: 'the records: device, user, partnership, decision, verdict, reason, event',
    may: ['text-methods.ts', 'identity'],
    pure: ['zod'],
  },
  {
    name: 'policy',
    holds: 'the compliance policy: document, compiler, walk',
    may: ['caught-error.ts', 'ip-address.ts', 'suggest.ts', 'cel-syntax.ts', 'identity', 'model'],
    pure: ['zod', '@marcbachmann/cel-js', 'node:module'],
  },
  {
    name: 'metrics',
    holds: 'what is counted: definitions, cells, text form',
    may: ['errors', 'eas', 'model'],
    pure: [],
  },
  {
    name: 'notices',
    holds: 'messages to phone users: texts, languages, MIME',
    may: [],
    pure: ['node:crypto'],
  },
  {
    name: 'quarantine',
    holds: 'the mailbox that quarantined phones see',
    may: [...PROTOCOLS, 'eas', 'notices'],
    pure: ['node:buffer', 'node:crypto'],
  },
  {
    name: 'directory',
    holds: 'the store interface, embedded and Redis, verdict cache, change log',
    may: [
      'caught-error.ts',
      'clock.ts',
      'coalesced-timers.ts',
      'flush-timer.ts',
      'name-index.ts',
      'number-lists.ts',
      'thread-file.ts',
      'plain-text.ts',
      'identity',
      'model',
      'policy',
    ],
  },
  {
    name: 'feeds',
    holds: 'compliance data from device managements and directories: formats, mappings, records',
    may: [
      ...PROTOCOLS,
      'caught-error.ts',
      'cel-syntax.ts',
      'file-words.ts',
      'name-index.ts',
      'number-lists.ts',
      'suggest.ts',
      'temporary-file.ts',
      'identity',
      'model',
    ],
  },
  {
    name: 'telemetry',
    holds: 'access log, log sink, counters',
    may: ['clock.ts', 'plain-text.ts', 'metrics'],
  },
  {
    name: 'journal',
    holds: 'what happened: events; who changed what: audit',
    may: [
      'caught-error.ts',
      'clock.ts',
      'flush-timer.ts',
      'thread-file.ts',
      'plain-text.ts',
      'identity',
      'model',
      'directory',
      'telemetry',
    ],
  },
  {
    name: 'gateway',
    holds: 'the data plane of one worker',
    may: [
      'node-http.ts',
      ...PROTOCOLS,
      'ip-address.ts',
      'caught-error.ts',
      'clock.ts',
      'coalesced-timers.ts',
      'http',
      'eas',
      'identity',
      'model',
      'policy',
      'notices',
      'quarantine',
      'directory',
      'telemetry',
      'metrics',
    ],
  },
  {
    name: 'config',
    holds: 'the configuration: schema, loading, checks, reference pages',
    may: [
      'caught-error.ts',
      'ip-address.ts',
      'suggest.ts',
      'file-words.ts',
      'identity',
      'eas',
      'policy',
      'notices',
      'directory',
      'journal',
      'gateway',
      'feeds',
    ],
  },
  {
    name: 'supervisor',
    holds: 'the primary: workers, control process, sockets, reload',
    may: ['node-http.ts', 'errors', 'caught-error.ts', 'clock.ts', 'config', 'model', 'metrics', 'telemetry'],
  },
  {
    name: 'worker',
    holds: 'a worker process: the parts put together as the configuration says',
    may: [
      'caught-error.ts',
      'clock.ts',
      'coalesced-timers.ts',
      'in-turns.ts',
      'file-words.ts',
      'identity',
      'model',
      'policy',
      'config',
      'directory',
      'gateway',
      'telemetry',
      'journal',
      'supervisor',
      'metrics',
    ],
  },
  {
    name: 'sample',
    holds: 'a small mail server and a phone, for trying, tests and load',
    may: ['node-http.ts', 'eas', 'identity', 'directory', 'config'],
  },
  {
    name: 'app',
    holds: 'use cases: no printing, no HTTP',
    may: [
      'errors',
      'plain-text.ts',
      'suggest.ts',
      'caught-error.ts',
      'clock.ts',
      'file-words.ts',
      'thread-file.ts',
      'in-turns.ts',
      'name-index.ts',
      'number-lists.ts',
      'temporary-file.ts',
      'http',
      'identity',
      'eas',
      'model',
      'policy',
      'directory',
      'journal',
      'feeds',
      'config',
      'gateway',
    ],
  },
  {
    name: 'api',
    holds: 'the admin API: contract, routes, sign-in, roles',
    may: [
      ...PROTOCOLS,
      'ip-address.ts',
      'suggest.ts',
      'caught-error.ts',
      'clock.ts',
      'thread-file.ts',
      'file-words.ts',
      'identity',
      'model',
      'policy',
      'directory',
      'journal',
      'config',
      'telemetry',
      'supervisor',
      'app',
      'metrics',
    ],
  },
  {
    name: 'web',
    holds: 'the dashboard, built by Vite for browsers; of api/ only the contract',
    may: ['api'],
  },
  {
    name: 'control',
    holds: 'the control process: read model, leader, feeds, receivers of deliveries, admin API',
    may: [
      'node-http.ts',
      'errors',
      'program-version.ts',
      'caught-error.ts',
      'clock.ts',
      'plain-text.ts',
      'file-words.ts',
      'temporary-file.ts',
      'identity',
      'model',
      'config',
      'directory',
      'telemetry',
      'supervisor',
      'app',
      'journal',
      'api',
      'metrics',
    ],
  },
  {
    name: 'cli',
    holds: 'one file per subcommand: parse, use case, print',
    may: [
      ...PROTOCOLS,
      'program-version.ts',
      'caught-error.ts',
      'clock.ts',
      'file-words.ts',
      'temporary-file.ts',
      'describe-errors.ts',
      'eas',
      'identity',
      'model',
      'policy',
      'directory',
      'feeds',
      'gateway',
      'config',
      'telemetry',
      'journal',
      'supervisor',
      'worker',
      'api',
      'control',
      'sample',
      'app',
      'metrics',
    ],
  },
  {
    name: 'main.ts',
    holds: 'the easgate command: checks Node.js, dispatches',
    may: ['node-version.ts', 'compile-cache.ts', 'cli'],
  },
];

const names = WALLS.map(({ name }) => name);
/** Every package and built-in module that src imports. */
const PACKAGES = [
  'node:*',
  'undici',
  'http-proxy',
  'ioredis',
  'pino',
  'lru-cache',
  'commander',
  'yaml',
  'zod',
  'sax',
  'csv-parse',
  'csv-parse/*',
  'ldapts',
  'openid-client',
  'croner',
];

interface Override {
  readonly files: readonly string[];
  readonly rules: Readonly<Record<string, unknown>>;
}

/** The linter's rule for one folder: it forbids every import that the table does not allow. */
function override({ name, may, pure }: Wall): Override {
  const closed = names.filter((other) => other !== name && !may.includes(other));
  const patterns: object[] = [
    {
      group: closed.map((other) => (other.endsWith('.ts') ? `**/${other}` : `**/${other}/**`)),
      message: `src/${name} may import ${may.length === 0 ? 'nothing of the project' : may.join(', ')} (docs/architecture.md, who may import whom)`,
    },
  ];
  if (pure !== undefined)
    patterns.push({
      group: [...PACKAGES, '@*/*', ...pure.map((open) => `!${open}`)],
      message: `src/${name} is pure: no I/O (docs/architecture.md, who may import whom)`,
    });
  if (name === 'web')
    patterns.push({
      regex: '/api/(?!contract/)|^node:',
      message: 'src/web runs in browsers: of src/api it may import only the contract',
    });
  return {
    files: [name.endsWith('.ts') ? `src/${name}` : `src/${name}/**`],
    rules: { 'eslint/no-restricted-imports': ['error', { patterns }] },
  };
}

const ROOT = new URL('../../../', import.meta.url);
const LINT = new URL('.oxlintrc.json', ROOT);
const ARCHITECTURE = new URL('docs/architecture.md', ROOT);
const BLOCK = /(<!-- walls -->\n)[\s\S]*?(\n<!-- \/walls -->)/;

/** The linter's current configuration, and the one with the rules of the table. */
export function lintConfig(): { readonly is: string; readonly shouldBe: string } {
  const is = readFileSync(LINT, 'utf8');
  const config = JSON.parse(is) as { overrides: Override[] };
  const others = config.overrides.filter(({ files }) => files.every((file) => !file.startsWith('src/')));
  const shouldBe = `${JSON.stringify({ ...config, overrides: [...WALLS.map(override), ...others] }, null, 2)}\n`;
  return { is, shouldBe };
}

/** The current text of docs/architecture.md, and the text with the generated table. */
export function architecturePage(): { readonly is: string; readonly shouldBe: string } {
  const is = readFileSync(ARCHITECTURE, 'utf8');
  const rows = WALLS.map(
    ({ name, holds, may, pure }) =>
      `| ${name.endsWith('.ts') ? name : `${name}/`} | ${holds}${pure === undefined ? '' : ' (pure)'} | ${may.join(', ') || '-'} |`,
  );
  const table = ['| in src/ | holds | may import |', '| --- | --- | --- |', ...rows].join('\n');
  return {
    is,
    shouldBe: is.replace(BLOCK, (_, before: string, after: string) => `${before}${table}${after}`),
  };
}

if (import.meta.main) {
  writeFileSync(LINT, lintConfig().shouldBe);
  writeFileSync(ARCHITECTURE, architecturePage().shouldBe);
}
