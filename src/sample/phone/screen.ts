// Owns the visible state of the sample phone: folders, messages, and the state of the account.

/** A message in the list. */
export interface ShownMessage {
  readonly id: string;
  readonly from: string;
  readonly subject: string;
  readonly text: string;
  read: boolean;
}

/** A folder with its messages. */
export interface ShownFolder {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly messages: Map<string, ShownMessage>;
}

/** The account state shown by the mail app. */
export type AccountState =
  /** No request was sent yet. */
  | 'new'
  | 'connected'
  /** "Your administrator does not allow this device." */
  | 'denied'
  /** The app asks for the password, and waits for it. */
  | 'passwordWanted'
  /** "Your password has expired" or "your account is locked"; waits for the user. */
  | 'passwordExpired'
  | 'locked'
  /** No answer, or "try again later". */
  | 'unreachable'
  /** "Your mailbox is full." */
  | 'full'
  /** "Cannot get mail", or no server was found; waits for the user. */
  | 'failed'
  /** The account, or the whole device, was erased. */
  | 'accountWiped'
  | 'deviceWiped';

/** Everything on the screen. */
export class Screen {
  state: AccountState = 'new';
  /** How often the user was asked for the password. */
  passwordPrompts = 0;
  readonly folders = new Map<string, ShownFolder>();

  /** Folder names, in the server's order. */
  get folderNames(): string[] {
    return [...this.folders.values()].map(({ name }) => name);
  }

  /** All messages in the folder of this type; 2 = Inbox. */
  messagesOf(type: string): ShownMessage[] {
    const folder = [...this.folders.values()].find((one) => one.type === type);
    return folder === undefined ? [] : [...folder.messages.values()];
  }

  /** Subjects in the Inbox. */
  get subjects(): string[] {
    return this.messagesOf('2').map(({ subject }) => subject);
  }

  /** The folder that contains a message. */
  folderWith(message: string): ShownFolder | undefined {
    return [...this.folders.values()].find(({ messages }) => messages.has(message));
  }

  clear(): void {
    this.folders.clear();
  }
}
