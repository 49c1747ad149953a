// Owns the sequence of steps of `easgate demo`: a phone, a mail server, an operator and a gateway in one process.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { allDevices } from '../app/device-views.ts';
import { loadConfig } from '../config/load.ts';
import { deviceKey } from '../identity/device.ts';
import type { UserKey } from '../identity/keys.ts';
import { isUserError, userKey } from '../identity/user.ts';
import type { Verdict } from '../model/verdict.ts';
import type { PhoneFamily } from '../sample/phone/families.ts';
import type { PhoneEvent } from '../sample/phone/options.ts';
import { Phone } from '../sample/phone/phone.ts';
import type { Screen } from '../sample/phone/screen.ts';
import { startSampleServer } from '../sample/server.ts';
import type { SampleServer } from '../sample/server.ts';
import { registerDevices } from './commands/devices.ts';
import type { ShownPhone, StoryStep } from './demo-step.ts';
import { readablePart } from './demo-text.ts';
import { temporaryFolder } from '../temporary-file.ts';
import { startServing } from '../worker/runtime.ts';
import type { Serving } from '../worker/runtime.ts';

/** The phone of the demo. */
export interface StoryOptions {
  readonly family: PhoneFamily;
  readonly version: string;
}

const USER = 'alice';
const PASSWORD = 'alice-pw';
const DEVICE = 'DEMOPHONE1';
/** Longest duration of a step; then the demo fails. */
const STEP_MS = 10_000;

/** The configuration of the demo; the directory is beside the file. */
const CONFIG = {
  listen: { address: '127.0.0.1', port: 0 },
  store: { kind: 'embedded', path: 'directory.db' },
  messages: { organisation: 'Example Ltd', enrolmentUrl: 'https://enrol.example.com/' },
  log: { level: 'silent', access: false },
};

/** Runs the demo and reports every step; removes its files at the end. Rejects when a step fails. */
export async function playStory(
  options: StoryOptions,
  tell: (step: StoryStep) => void,
  signal: AbortSignal,
): Promise<void> {
  const folder = temporaryFolder('easgate-demo-');
  const undo: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const file = join(folder, 'easgate.json');
    writeFileSync(file, JSON.stringify(CONFIG));
    const mail = await startSampleServer({ users: [{ name: USER, password: PASSWORD }] });
    undo.push(() => mail.close());
    const serving = await startServing(loadConfig(file), { sampleUrl: mail.url, fd: null });
    undo.push(
      () => serving.close(),
      () => serving.gateway.close(),
    );
    const requests: PhoneEvent[] = [];
    const phone = new Phone({
      server: `http://127.0.0.1:${serving.gateway.port}`,
      user: USER,
      password: PASSWORD,
      deviceId: DEVICE,
      ...options,
      onEvent: (event) => requests.push(event),
    });
    undo.push(() => phone.close());
    await new Story({ file, mail, serving, phone, requests, tell, signal }).play(
      Number(options.version) >= 16.1,
    );
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

interface Stage {
  /** The configuration file. */
  readonly file: string;
  readonly mail: SampleServer;
  readonly serving: Serving;
  readonly phone: Phone;
  /** Requests of the current step. */
  readonly requests: PhoneEvent[];
  readonly tell: (step: StoryStep) => void;
  readonly signal: AbortSignal;
}

class Story {
  private readonly stage: Stage;

  constructor(stage: Stage) {
    this.stage = stage;
  }

  /** `account` = the phone supports an account-only wipe. */
  async play(account: boolean): Promise<void> {
    const { mail, phone, signal } = this.stage;
    await this.step(
      'Alice adds her mail account to a phone that device management does not know.',
      null,
      () => phone.settle(signal),
    );
    const mdmSays = (managed: boolean, compliant: boolean): string[] => [
      'set',
      DEVICE,
      '--managed',
      String(managed),
      '--compliant',
      String(compliant),
      '--source',
      'mdm',
    ];
    await this.polling(
      'She enrols it, and device management reports it while the phone waits for new mail.',
      mdmSays(true, true),
    );
    await this.polling('A colleague sends her a mail.', null, () =>
      mail.deliver(USER, 'Cake', 'Cake in the kitchen.'),
    );
    await this.polling('A system update is missing: the phone is no longer compliant.', mdmSays(true, false));
    await this.polling('The update is installed.', mdmSays(true, true));
    await this.polling('The phone is lost: the operator blocks it.', ['block', DEVICE, '--reason', 'lost']);
    await this.step(
      'Alice finds it: the operator clears the block, and she refreshes her Inbox.',
      ['clear', DEVICE],
      () => phone.settle(signal),
    );
    await this.partnershipKnown();
    const whom = account ? ['--account-only', '--user', USER] : [];
    await this.polling('Alice leaves the company: the operator orders a wipe.', [
      'wipe',
      DEVICE,
      ...whom,
      '--reason',
      'left',
      '--confirm',
      DEVICE,
    ]);
  }

  /** A step that begins while the phone's poll is held. */
  private async polling(title: string, operator: string[] | null, act?: () => void): Promise<void> {
    const { phone, serving, mail, signal } = this.stage;
    const poll = phone.step(signal);
    await until(() => serving.gateway.heldPolls() + mail.held() > 0, 'the phone to hold a poll', signal);
    await this.step(title, operator, async () => {
      act?.();
      await poll;
      await phone.settle(signal);
    });
  }

  private async step(title: string, operator: string[] | null, act: () => Promise<void>): Promise<void> {
    const { phone, requests, signal, tell } = this.stage;
    requests.length = 0;
    const at = new Date().toISOString();
    const begun = performance.now();
    const output = operator === null ? '' : await this.operate(operator);
    await act();
    const milliseconds = Math.round(performance.now() - begun);
    signal.throwIfAborted();
    const { action, reason } = await this.verdict();
    tell({
      title,
      at,
      operator: operator === null ? null : ['easgate', 'devices', ...operator].join(' '),
      output,
      verdict: action,
      reason,
      requests: requests.slice(),
      milliseconds,
      phone: shown(phone.screen),
    });
  }

  /** Runs a command of `easgate devices`, like main.ts, waits until the gateway has read the change, and returns its output. */
  private async operate(words: readonly string[]): Promise<string> {
    const { file, serving } = this.stage;
    const program = new Command('easgate').option('--config <file>');
    registerDevices(program);
    const { promise: heard, resolve } = Promise.withResolvers<void>();
    const stop = serving.verdicts.onChange(() => resolve());
    try {
      const printed = await whilePrinting(async () => {
        await program.parseAsync(['--config', file, 'devices', ...words], { from: 'user' });
      });
      await heard;
      return printed;
    } finally {
      stop();
    }
  }

  /** The current verdict on the phone; for a wiped one, after the gateway has read the acknowledgement. */
  private async verdict(): Promise<Verdict> {
    const { phone, serving, signal } = this.stage;
    const erased = phone.screen.state === 'accountWiped' || phone.screen.state === 'deviceWiped';
    let found: Verdict | null = null;
    await until(
      async () => {
        const [user, device] = [alice(), deviceKey(DEVICE)];
        found = serving.verdicts.peek(user, device) ?? (await serving.verdicts.decide(user, device)).verdict;
        return found !== null && (!erased || found.wipe === undefined);
      },
      'the verdict of the gateway',
      signal,
    );
    if (found === null) throw new Error('the gateway has no verdict');
    return found;
  }

  /** Waits for the partnership: the gateway records it about once a second, and a wipe requires it. */
  private async partnershipKnown(): Promise<void> {
    const { serving, signal } = this.stage;
    await until(
      async () => (await allDevices(serving.store)).some(({ partnerships }) => partnerships.length > 0),
      'the gateway to record the partnership',
      signal,
    );
  }
}

function alice(): UserKey {
  const key = userKey(USER);
  if (isUserError(key)) throw new Error(`${USER} is not a user name`);
  return key;
}

/** Resolves with the output of `work`; both commands and the demo print to standard output. */
async function whilePrinting(work: () => Promise<void>): Promise<string> {
  const { stdout } = process;
  const write = stdout.write.bind(stdout);
  let printed = '';
  stdout.write = (text: string | Uint8Array): boolean => {
    printed += text.toString();
    return true;
  };
  try {
    await work();
  } finally {
    stdout.write = write;
  }
  return printed;
}

function shown(screen: Screen): ShownPhone {
  const messages = screen.messagesOf('2');
  const quarantined = [...screen.folders.keys()].some((id) => id.startsWith('easg'));
  const [first] = messages;
  return {
    state: screen.state,
    folders: screen.folderNames,
    subjects: messages.map(({ subject }) => subject),
    message: quarantined && first !== undefined ? readablePart(first.text, first.subject) : null,
    passwordPrompts: screen.passwordPrompts,
  };
}

async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const end = performance.now() + STEP_MS;
  while (!(await condition())) {
    signal.throwIfAborted();
    if (performance.now() > end) throw new Error(`the demo failed: it waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
