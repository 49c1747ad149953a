// Owns the message a quarantined phone gets: rendered for a verdict and a language, and kept for a while.
import { LRUCache } from 'lru-cache';
import type { MailboxNotice } from '../eas/mailbox/model.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { chooseLanguage } from '../policy/messages/languages.ts';
import { renderNotice } from '../policy/messages/notice.ts';
import type { NoticeSettings } from '../policy/messages/notice.ts';
import type { Verdict } from '../policy/model.ts';

/** Rendering takes a few hundred microseconds; a phone asks several times in a row. */
const MAX_KEPT = 1_000;
const HOUR_MS = 3_600_000;

/** Whom a message is for, and why. */
export interface NoticeReader {
  readonly user: UserKey;
  readonly device: DeviceKey;
  /** What the device calls itself. */
  readonly model: string;
  /** Accept-Language of the request; null = none. */
  readonly acceptLanguage: string | null;
}

/** Renders messages. */
export class Notices {
  private readonly settings: NoticeSettings;
  private readonly languages: readonly string[];
  private readonly kept = new LRUCache<string, MailboxNotice>({ max: MAX_KEPT });

  constructor(settings: NoticeSettings) {
    this.settings = settings;
    this.languages = [...settings.catalogue.keys()];
  }

  /** The message of this verdict for this reader. */
  of(verdict: Verdict, reader: NoticeReader): MailboxNotice {
    const { settings } = this;
    const language = chooseLanguage(reader.acceptLanguage, this.languages, settings.defaultLanguage);
    const { user, device, model } = reader;
    // Without a time of its own a message is of this hour: the same on every node, and not of the future.
    const since = verdict.since ?? Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
    const name = [user, device, model, language, verdict.reason, verdict.requirement ?? '', since].join('\0');
    let notice = this.kept.get(name);
    if (notice === undefined) {
      const { reason, requirement = null } = verdict;
      notice = renderNotice({ settings, reason, requirement, language, user, device, model, since });
      this.kept.set(name, notice);
    }
    return notice;
  }
}
