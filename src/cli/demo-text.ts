// Owns the text output of `easgate demo`: the phone's screen in a box, requests in words, a summary. Pure.
import type { AccountState } from '../sample/phone/screen.ts';
import type { PhoneEvent } from '../sample/phone/options.ts';
import type { ShownPhone, StoryStep } from './demo-step.ts';

const WIDTH = 72;
const MARGIN = '             ';

const STATES: Readonly<Record<AccountState, string>> = {
  new: 'Mail',
  connected: 'Inbox',
  denied: 'This device may not use the account. Ask your administrator.',
  passwordWanted: 'Enter your password',
  passwordExpired: 'Your password has expired',
  locked: 'Your account is locked',
  unreachable: 'Cannot connect to the server',
  full: 'Your mailbox is full',
  failed: 'Cannot get mail',
  accountWiped: '(the account and its mail are erased)',
  deviceWiped: '(the whole phone is erased)',
};

/** Explanations of answers, by command and status, or by status only. */
const WORDS: Readonly<Record<string, string>> = {
  'Ping 2': 'there is new mail',
  'Ping 7': 'your folders have changed: run FolderSync',
  'FolderSync 9': 'your folder list is invalid: start over',
  'Sync 3': 'your state of this folder is invalid: start it over',
  'Sync 8': 'this folder no longer exists',
  'Sync 12': 'your folders have changed: run FolderSync',
  '129': 'this device is not allowed',
  '140': 'a wipe was ordered: run Provision to get the order',
  'HTTP 403': 'this device is not allowed',
  'HTTP 449': 'run Provision first',
};

/** The text before the first step. */
export function introduction(family: string, version: string): string {
  return [
    `One phone in all its states, with a gateway, a sample mail server and a sample mail app (${family}, protocol ${version}) in this process.`,
    'The commands of the operator are executed; the verdict is that of the gateway; the box shows the screen of the phone.',
    'Requests have their names in Exchange ActiveSync, followed by the status of the answer unless it is "success".',
    '',
  ].join('\n');
}

/** Renders the steps, and explains each status at its first occurrence. */
export class Narrator {
  private readonly explained = new Set<string>();
  private readonly steps: StoryStep[] = [];

  /** One step: title, command and output, requests, phone. */
  page(step: StoryStep): string {
    this.steps.push(step);
    const { title, at, operator, output, verdict, reason, requests, milliseconds, phone } = step;
    const lines = [
      '',
      `${this.steps.length}. ${at.slice(11, 19)} UTC. ${title}`,
      ...(operator === null ? [] : [`  operator   $ ${operator}`]),
      ...output
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => `${MARGIN}${line}`),
      `  verdict    ${verdict} (${reason})`,
      `  requests   ${collapsed(requests.map(nameOf)).join(' → ')}`,
      ...this.legend(requests),
      `  after      ${milliseconds} ms`,
      ...screen(phone).map((line) => `    ${line}`),
    ];
    return `${lines.join('\n')}\n`;
  }

  /** The text after the last step. */
  summary(): string {
    const [, ...changes] = this.steps;
    const slowest = Math.max(...changes.map(({ milliseconds }) => milliseconds));
    const asked = this.steps.reduce((most, { phone }) => Math.max(most, phone.passwordPrompts), 0);
    const held = this.steps.filter(({ verdict }) => verdict === 'quarantine');
    const leaks = held.filter(({ phone }) => phone.subjects.length !== 1).length;
    return [
      '',
      `${this.steps.length} steps. Every change reached the phone within ${slowest} ms, including the command.`,
      `In quarantine it showed ${leaks === 0 ? 'only the quarantine message' : `something else ${leaks} times`}; ` +
        `it asked for the password ${asked === 0 ? 'never' : `${asked} times`}.`,
      'To use your own mail server: docs/guide/operations.md. How phones react to answers: docs/reference/protocol.md, "Phones".',
      '',
    ].join('\n');
  }

  private legend(requests: readonly PhoneEvent[]): string[] {
    return requests.flatMap((event) => {
      const name = nameOf(event);
      const words = WORDS[name] ?? WORDS[event.status ?? ''] ?? WORDS[`HTTP ${event.http}`];
      if (words === undefined || this.explained.has(name)) return [];
      this.explained.add(name);
      return [`${MARGIN}${name}: "${words}"`];
    });
  }
}

function nameOf({ command, http, status }: PhoneEvent): string {
  if (http !== 200) return `${command} HTTP ${http}`;
  return status === null || status === '1' ? command : `${command} ${status}`;
}

/** Joins equal neighbours, with their number. */
function collapsed(names: readonly string[]): string[] {
  const runs: { readonly name: string; count: number }[] = [];
  for (const name of names) {
    const last = runs.at(-1);
    if (last?.name === name) last.count++;
    else runs.push({ name, count: 1 });
  }
  return runs.map(({ name, count }) => (count === 1 ? name : `${name} ×${count}`));
}

function screen({ state, subjects, message, passwordPrompts }: ShownPhone): string[] {
  const lines = [STATES[state], ...subjects.map((subject) => `• ${subject}`)];
  if (message !== null) lines.push('', ...message.split('\n').flatMap(wrap));
  if (passwordPrompts > 0) lines.push(`(asked for the password ${passwordPrompts} times)`);
  const rule = '─'.repeat(WIDTH + 2);
  return [`┌${rule}┐`, ...lines.map((line) => `│ ${line.padEnd(WIDTH)} │`), `└${rule}┘`];
}

/** Breaks a line at spaces into lines of at most WIDTH characters. */
function wrap(line: string): string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > WIDTH) {
    const space = rest.lastIndexOf(' ', WIDTH);
    const end = space > 0 ? space : WIDTH;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}

/** Converts the HTML of the quarantine message to plain text, with links as URLs and without its title. */
export function readablePart(html: string, title: string): string {
  const lines = html
    .slice(0, 10_000)
    .replace(/<(?:style|title)[^>]*>[^<]*<\/(?:style|title)>/g, '')
    .replace(/<a href="([^"]*)"[^>]*>([^<]*)<\/a>/g, '$2: $1')
    .replace(/<li[^>]*>/g, '- ')
    .replace(/<(?:br|\/p|\/h1|\/h2|\/li|\/tr|\/div)[^>]*>/g, '\n')
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.slice(lines[0] === title ? 1 : 0).join('\n');
}
