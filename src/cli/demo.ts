// Owns `easgate demo`: plays a phone's week in the terminal, with what its user and the operator see.
import { Option } from 'commander';
import type { Command } from 'commander';
import { FAMILIES } from '../sample/phone/families.ts';
import type { PhoneFamily } from '../sample/phone/families.ts';
import type { AccountState } from '../sample/phone/screen.ts';
import type { PhoneEvent } from '../sample/phone/options.ts';
import { playStory } from './demo-story.ts';
import type { ShownPhone, StoryStep } from './demo-story.ts';

const VERSIONS = ['2.5', '12.0', '12.1', '14.0', '14.1', '16.0', '16.1'];

/** Registers `demo`. */
export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'play a week of a phone with a built-in mail server: quarantine, enrolment, mail, block, wipe',
    )
    .addOption(
      new Option('--family <family>', 'mail app that plays').choices(Object.keys(FAMILIES)).default('ios'),
    )
    .addOption(new Option('--protocol <version>', 'protocol version').choices(VERSIONS).default('16.1'))
    .option('--json', 'one JSON document a step')
    .action(async (options: { family: PhoneFamily; protocol: string; json?: true }) => {
      const leaving = new AbortController();
      const leave = (): void => leaving.abort(new Error('interrupted'));
      process.once('SIGINT', leave);
      const write = options.json ? (step: StoryStep) => `${JSON.stringify(step)}\n` : page;
      try {
        await playStory(
          { family: options.family, version: options.protocol },
          (step) => process.stdout.write(write(step)),
          leaving.signal,
        );
      } finally {
        process.off('SIGINT', leave);
      }
    });
}

const WIDTH = 72;

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

/** One step for people: a title, what the operator sees, the requests, and the phone. */
function page(step: StoryStep): string {
  const lines = [
    '',
    step.title,
    ...(step.operator === null ? [] : [`  operator   ${step.operator}`]),
    `  verdict    ${step.verdict} (${step.reason})`,
    `  requests   ${step.requests.map(request).join(' → ')}`,
    `  after      ${step.milliseconds} ms`,
    ...screen(step.phone).map((line) => `    ${line}`),
  ];
  return `${lines.join('\n')}\n`;
}

function request({ command, http, status }: PhoneEvent): string {
  if (http !== 200) return `${command} HTTP ${http}`;
  return status === null || status === '1' ? command : `${command} ${status}`;
}

function screen({ state, subjects, message, passwordPrompts }: ShownPhone): string[] {
  const lines = [STATES[state]];
  if (state === 'connected') {
    lines.push(...subjects.map((subject) => `• ${subject}`));
    if (message !== null) lines.push('', ...message.split('\n').flatMap(wrap));
  }
  if (passwordPrompts > 0) lines.push(`(asked for the password ${passwordPrompts} times)`);
  const rule = '─'.repeat(WIDTH + 2);
  return [`┌${rule}┐`, ...lines.map((line) => `│ ${line.padEnd(WIDTH)} │`), `└${rule}┘`];
}

/** Lines of at most WIDTH characters, broken at spaces where there are any. */
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
