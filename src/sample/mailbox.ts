// Owns the mailboxes of the sample server: folders, messages, and subscribers for new mail.

/** One message of the sample mailbox. */
export interface SampleMessage {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly received: Date;
  readonly text: string;
  readonly attachment: { readonly name: string; readonly data: Buffer } | null;
  read: boolean;
}

/** Folder ids of the sample server. */
export const INBOX = '1';
export const SENT = '2';
export const FOLDERS: readonly { readonly id: string; readonly name: string; readonly type: number }[] = [
  { id: INBOX, name: 'Inbox', type: 2 },
  { id: SENT, name: 'Sent Items', type: 5 },
  { id: '3', name: 'Deleted Items', type: 4 },
  { id: '4', name: 'Drafts', type: 3 },
];

/** Limits, so that the sample server cannot grow without bound. */
const MAX_MESSAGES = 500;

/** One user's mail. */
export class Mailbox {
  readonly folders = new Map<string, SampleMessage[]>(FOLDERS.map(({ id }) => [id, []]));
  private readonly waiting = new Set<(folder: string) => void>();
  private nextId = 1;

  add(folder: string, message: Omit<SampleMessage, 'id' | 'read'>): SampleMessage {
    const stored = { ...message, id: `${folder}:${this.nextId++}`, read: false };
    const messages = this.folders.get(folder) ?? [];
    messages.push(stored);
    if (messages.length > MAX_MESSAGES) messages.shift();
    this.folders.set(folder, messages);
    for (const wake of this.waiting) wake(folder);
    return stored;
  }

  find(id: string): SampleMessage | undefined {
    for (const messages of this.folders.values()) {
      const found = messages.find((message) => message.id === id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Calls `wake` with the folder of every new message; returns a function that unsubscribes. */
  watch(wake: (folder: string) => void): () => void {
    this.waiting.add(wake);
    return () => this.waiting.delete(wake);
  }
}

/** A mailbox with a few messages, one of them with an attachment. */
export function sampleMailbox(user: string): Mailbox {
  const mailbox = new Mailbox();
  const to = `${user}@example.com`;
  const plan = Buffer.from('%PDF-1.4\n% a very small sample attachment\n%%EOF\n');
  const messages: [string, string, string, { name: string; data: Buffer } | null][] = [
    ['it@example.com', 'Welcome', 'This mailbox is served by the sample server of easgate.', null],
    ['carol@example.com', 'Floor plan', 'The plan is attached.', { name: 'plan.pdf', data: plan }],
    ['bob@example.com', 'Lunch', 'At noon?', null],
  ];
  for (const [index, [from, subject, text, attachment]] of messages.entries()) {
    const received = new Date(Date.UTC(2026, 0, 5 + index, 9));
    mailbox.add(INBOX, { from, to, subject, text, attachment, received });
  }
  return mailbox;
}
