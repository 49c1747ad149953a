// Owns a load at a fixed rate: requests begin when they are due, whether or not earlier ones are answered. The number of open
// requests is limited, so that the load is slower on a slow machine.
import { setTimeout } from 'node:timers/promises';
import { element } from '../../../src/eas/wbxml/element.ts';
import { EasClient, find } from './eas-client.ts';
import type { EasAnswer } from './eas-client.ts';

/** The result of the load. */
export interface LoadReport {
  readonly answered: number;
  /** One line per request without the expected answer. */
  readonly failures: readonly string[];
}

const TICK_MS = 5;
const MAX_UNDER_WAY = 64;

/** A running load. */
export interface Load {
  answered(): number;
  /** Waits for the open requests; returns the result. */
  stop(): Promise<LoadReport>;
}

/** Starts the load. */
export function startLoad(perSecond: number, requests: readonly (() => Promise<void>)[]): Load {
  const startedAt = performance.now();
  const failures: string[] = [];
  const underWay = new Set<Promise<void>>();
  let sent = 0;
  let answered = 0;
  let stopped = false;
  const issue = (): void => {
    const one = requests[sent++ % requests.length];
    if (one === undefined) return;
    const done = one()
      .then(
        () => void answered++,
        (error: unknown) => void failures.push(String(error)),
      )
      .finally(() => underWay.delete(done));
    underWay.add(done);
  };
  const pacing = (async () => {
    while (!stopped) {
      const due = ((performance.now() - startedAt) / 1_000) * perSecond;
      while (sent < due && underWay.size < MAX_UNDER_WAY) issue();
      await setTimeout(TICK_MS);
    }
  })();
  return {
    answered: () => answered,
    stop: async () => {
      stopped = true;
      await pacing;
      await Promise.all(underWay);
      return { answered, failures };
    },
  };
}

function expectAnswer(what: string, answer: EasAnswer, status: string | undefined): void {
  if (answer.status !== 200 || answer.easStatus !== status)
    throw new Error(`${what}: ${answer.status}, status ${answer.easStatus}`);
}

/** FolderSync, Sync, SendMail and the download of a message of `size` characters, each by its own phone. */
export function mixedPhones(
  options: {
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly secure: boolean;
    readonly staleAfterMs: number;
  },
  message: { readonly id: string; readonly size: number },
): { readonly requests: (() => Promise<void>)[]; readonly close: () => void } {
  const phones = Array.from(
    { length: 16 },
    (_, index) => new EasClient({ ...options, device: `BUSY${index}` }),
  );
  const fetch = element(
    'ItemOperations',
    'ItemOperations',
    element(
      'ItemOperations',
      'Fetch',
      element('ItemOperations', 'Store', 'Mailbox'),
      element('AirSync', 'ServerId', message.id),
    ),
  );
  const kinds: ((phone: EasClient) => Promise<void>)[] = [
    async (phone) => {
      phone.folderKey = '0';
      expectAnswer('FolderSync', await phone.folderSync(), '1');
    },
    async (phone) => {
      phone.syncKeys.clear();
      expectAnswer('Sync', await phone.sync('1'), '1');
    },
    async (phone) =>
      expectAnswer('SendMail', await phone.sendMail('nobody@example.com', 'hi', 'text'), undefined),
    async (phone) => {
      const answer = await phone.command('ItemOperations', fetch);
      expectAnswer('ItemOperations', answer, '1');
      const length = find(answer.tree, 'Data')?.length;
      if (length !== message.size) throw new Error(`the download has ${length} characters`);
    },
  ];
  return {
    requests: phones.map((phone, index) => () => kinds[index % kinds.length]?.(phone) ?? Promise.reject()),
    close: () => {
      for (const phone of phones) phone.close();
    },
  };
}
