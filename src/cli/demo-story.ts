// Owns the story that `easgate demo` plays: a phone, a mail server, an operator and a gateway, all real, in one process.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configSchema } from '../config/schema.ts';
import type { DeviceRecord } from '../directory/records.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { deviceAliases, deviceKey } from '../identity/device.ts';
import { isUserError, userKey } from '../identity/user.ts';
import { evaluate } from '../policy/evaluate.ts';
import type { AccountState, Screen } from '../sample/phone/screen.ts';
import { FAMILIES } from '../sample/phone/families.ts';
import type { PhoneFamily } from '../sample/phone/families.ts';
import { Phone } from '../sample/phone/phone.ts';
import type { PhoneEvent } from '../sample/phone/options.ts';
import { startSampleServer } from '../sample/server.ts';
import { startServing } from './serving.ts';

/** Which phone plays. */
export interface StoryOptions {
  readonly family: PhoneFamily;
  readonly version: string;
}

/** One step as it was seen. */
export interface StoryStep {
  readonly title: string;
  /** What the operator did, as a command; null = nothing. */
  readonly operator: string | null;
  readonly verdict: string;
  readonly reason: string;
  /** The requests that led from the step's beginning to what the phone shows. */
  readonly requests: readonly PhoneEvent[];
  /** From the change to what the phone shows, milliseconds. */
  readonly milliseconds: number;
  readonly phone: ShownPhone;
}

/** What the user sees. */
export interface ShownPhone {
  readonly state: AccountState;
  readonly folders: readonly string[];
  /** Subjects in the Inbox. */
  readonly subjects: readonly string[];
  /** The message of the gateway as plain text; null = there is none. */
  readonly message: string | null;
  readonly passwordPrompts: number;
}

const USER = 'alice';
const PASSWORD = 'alice-pw';
const DEVICE = 'DEMOPHONE1';
/** A story that does not go on is given up. */
const STEP_MS = 10_000;

/** Plays the story and tells every step; leaves nothing behind. Rejects when a step does not come about. */
export async function playStory(
  options: StoryOptions,
  tell: (step: StoryStep) => void,
  signal: AbortSignal,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-demo-'));
  const undo: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const mail = await startSampleServer({ users: [{ name: USER, password: PASSWORD }] });
    undo.push(() => mail.close());
    const config = configSchema.parse({
      listen: { address: '127.0.0.1', port: 0 },
      store: { kind: 'embedded', path: join(folder, 'directory.db') },
      messages: { organisation: 'Example Ltd', enrolmentUrl: 'https://enrol.example.com/' },
      log: { level: 'silent', access: false },
    });
    const serving = await startServing(config, { sampleUrl: mail.url, fd: null });
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
    const stage: Stage = { phone, requests, store: serving.store, policy: config.policy, tell, signal };
    const heldPolls = (): number => serving.gateway.heldPolls() + mail.held();
    await play(stage, options, heldPolls, (subject) => mail.deliver(USER, subject, 'Cake in the kitchen.'));
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

interface Stage {
  readonly phone: Phone;
  readonly requests: PhoneEvent[];
  readonly store: DirectoryStore;
  readonly policy: Parameters<typeof evaluate>[0];
  readonly tell: (step: StoryStep) => void;
  readonly signal: AbortSignal;
}

async function play(
  stage: Stage,
  { family, version }: StoryOptions,
  heldPolls: () => number,
  deliver: (subject: string) => void,
): Promise<void> {
  const { store, phone } = stage;
  const key = deviceKey(DEVICE);
  let observed = 0;
  const mdm = async (facts: Pick<DeviceRecord, 'managed' | 'compliant'>): Promise<void> => {
    observed++;
    const { model, os } = FAMILIES[family];
    const nothing = { encrypted: null, compromised: null, owner: null, lastCheckIn: null };
    await store.putDevice({
      key,
      model,
      os,
      ...nothing,
      ...facts,
      source: 'demo',
      version: observed,
      observedAt: Date.now(),
    });
  };
  const decide = (action: 'block' | null): Promise<void> =>
    store.decide(
      null,
      key,
      action && { action, owner: 'demo', reason: 'lost', decidedAt: Date.now(), expiresAt: null },
    );

  await step(stage, 'Monday, 8:55. Alice adds her mail account to a phone that nobody knows.', null, () =>
    phone.settle(stage.signal),
  );
  const change = async (title: string, operator: string, act: () => Promise<void> | void): Promise<void> => {
    const poll = phone.step(stage.signal);
    await until(() => heldPolls() > 0, 'the phone to hold a poll');
    await step(stage, title, operator, async () => {
      await act();
      await poll;
      await phone.settle(stage.signal);
    });
  };
  await change(
    '9:00. The phone is enrolled, while it holds a poll.',
    'the MDM reports: managed, compliant',
    () => mdm({ managed: true, compliant: true }),
  );
  await change('9:05. A colleague writes.', 'nothing', () => deliver('Cake'));
  await change('Tuesday. A system update is missing.', 'the MDM reports: not compliant', () =>
    mdm({ managed: true, compliant: false }),
  );
  await change('Tuesday, later. The update is installed.', 'the MDM reports: compliant', () =>
    mdm({ managed: true, compliant: true }),
  );
  await change('Wednesday. The phone is lost.', `easgate devices block ${DEVICE} --reason lost`, () =>
    decide('block'),
  );
  await step(stage, 'Thursday. It was in the coat.', `easgate devices clear ${DEVICE}`, async () => {
    await decide(null);
    await again(phone, stage.signal);
  });
  const account = Number(version) >= 16.1;
  const command = `easgate devices wipe ${DEVICE}${account ? ` --account-only --user ${USER}` : ''} --reason left`;
  await change('Friday. Alice leaves the company.', command, () => wipe(store, account));
}

async function wipe(store: DirectoryStore, account: boolean): Promise<void> {
  const user = userKey(USER);
  if (isUserError(user)) return;
  const now = Date.now();
  await store.decide(account ? user : null, deviceKey(DEVICE), {
    action: account ? 'accountWipe' : 'wipe',
    owner: 'demo',
    reason: 'left',
    decidedAt: now,
    expiresAt: null,
    wipe: { requestedAt: now, state: 'pending', acknowledgedAt: null, deviceStatus: null },
  });
}

/** A refused phone asks again when its user pulls the list down, as impatiently as people are. */
async function again(phone: Phone, signal: AbortSignal): Promise<void> {
  await until(async () => {
    await phone.settle(signal);
    return phone.screen.state === 'connected' && phone.idle;
  }, 'the phone to be let in');
}

async function step(
  stage: Stage,
  title: string,
  operator: string | null,
  act: () => Promise<void>,
): Promise<void> {
  const { phone, requests, store, policy, signal } = stage;
  requests.length = 0;
  const begun = performance.now();
  await act();
  const milliseconds = Math.round(performance.now() - begun);
  signal.throwIfAborted();
  const user = userKey(USER);
  if (isUserError(user)) return;
  const key = deviceKey(DEVICE);
  const found = await store.lookup(user, [key, ...deviceAliases(key)]);
  const { action, reason } = evaluate(policy, { ...found, now: Date.now() });
  stage.tell({
    title,
    operator: operator === 'nothing' ? null : operator,
    verdict: action,
    reason,
    requests: requests.slice(),
    milliseconds,
    phone: shown(phone.screen),
  });
}

function shown(screen: Screen): ShownPhone {
  const messages = screen.messagesOf('2');
  const quarantined = [...screen.folders.keys()].some((id) => id.startsWith('easg'));
  return {
    state: screen.state,
    folders: screen.folderNames,
    subjects: messages.map(({ subject }) => subject),
    message: quarantined ? plain(messages[0]?.text ?? '') : null,
    passwordPrompts: screen.passwordPrompts,
  };
}

/** The text of the gateway's own HTML, which is plain enough for this. */
function plain(html: string): string {
  return html
    .slice(0, 10_000)
    .replace(/<(?:style|title)[^>]*>[^<]*<\/(?:style|title)>/g, '')
    .replace(/<(?:br|\/p|\/h1|\/li|\/tr|\/div)[^>]*>/g, '\n')
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + STEP_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`the demo waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
