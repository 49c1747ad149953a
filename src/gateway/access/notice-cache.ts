// Owns the rendered messages of quarantined phones, cached by verdict and language, and which phones have fetched their
// current one.
import { LRUCache } from 'lru-cache';
import type { MailboxNotice } from '../../quarantine/mailbox-types.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { chooseLanguage } from '../../notices/languages.ts';
import { renderNotice } from '../../notices/notice.ts';
import type { NoticeSettings, OwnMessage } from '../../notices/notice.ts';
import type { Verdict } from '../../model/verdict.ts';

/** Rendering takes a few hundred microseconds, and a phone asks several times in a row. */
const MAX_KEPT = 1_000;
/** Most phones remembered; a few hundred bytes each. */
const MAX_TOLD = 20_000;

/** The reader of a message. */
export interface NoticeReader {
  readonly user: UserKey;
  readonly device: DeviceKey;
  /** DeviceType of the query, used when no model is known. */
  readonly deviceType: string;
  /** Accept-Language of the request; null = none. */
  readonly acceptLanguage: string | null;
}

/** What this worker knows of a phone before the directory does. */
interface KnownPhone {
  /** When it was first refused, milliseconds since the epoch. */
  readonly since: number;
  /** Its model, as it reported it. */
  model: string | null;
  /** The reason in the message that it fetched last. */
  told: string | null;
}

/** Renders messages. */
export class NoticeCache {
  private readonly settings: NoticeSettings;
  private readonly languages: readonly string[];
  private readonly kept = new LRUCache<string, MailboxNotice>({ max: MAX_KEPT });
  private readonly phones = new LRUCache<string, KnownPhone>({ max: MAX_TOLD });

  constructor(settings: NoticeSettings) {
    this.settings = settings;
    this.languages = [...settings.catalogue.keys()];
  }

  /** The message of this verdict for this reader. */
  of(verdict: Verdict, reader: NoticeReader): MailboxNotice {
    const { settings } = this;
    const language = chooseLanguage(reader.acceptLanguage, this.languages, settings.defaultLanguage);
    const { user, device } = reader;
    const phone = this.phone(user, device);
    const model = phone.model ?? verdict.model ?? reader.deviceType;
    // The directory learns of a new phone slightly later (partnership-recorder.ts).
    const since = verdict.since ?? phone.since;
    const own = ownMessage(verdict, reader.acceptLanguage, language);
    const said = [verdict.reason, verdict.requirement ?? '', own?.text ?? '', verdict.nextStep ?? ''];
    const name = [user, device, model, language, ...said, since].join('\0');
    let notice = this.kept.get(name);
    if (notice === undefined) {
      const { reason, requirement = null, nextStep = null } = verdict;
      const content = { reason, requirement, own, nextStep, since };
      notice = renderNotice({ settings, ...content, language, user, device, model });
      this.kept.set(name, notice);
    }
    return notice;
  }

  /**
   * Whether a phone may still show a message with another reason, as far as this worker knows, or the directory for a
   * phone it meets first. The answer is no from then on. A Ping has no key that would tell (MS-ASCMD 2.2.1.13). Reasons
   * are compared, not texts: a phone's languages may vary between requests, and it must not be sent back and forth for
   * that.
   */
  isNews({ reason, requirement = '', lastReason }: Verdict, user: UserKey, device: DeviceKey): boolean {
    const phone = this.phone(user, device);
    const why = `${reason}\0${requirement}`;
    const isNew = phone.told === null ? lastReason !== reason : phone.told !== why;
    phone.told = why;
    return isNew;
  }

  /** A phone reported its model; the next message shows it. */
  noteModel(user: UserKey, device: DeviceKey, model: string | null): void {
    if (model !== null) this.phone(user, device).model = model;
  }

  private phone(user: UserKey, device: DeviceKey): KnownPhone {
    const name = `${user}\0${device}`;
    let phone = this.phones.get(name);
    if (phone === undefined) {
      phone = { since: Date.now(), model: null, told: null };
      this.phones.set(name, phone);
    }
    return phone;
  }
}

/** The policy's own text in the language that its reader prefers; null = the policy has none. */
function ownMessage(
  { message }: Verdict,
  acceptLanguage: string | null,
  otherwise: string,
): OwnMessage | null {
  if (message === undefined) return null;
  const { link = null, ...texts } = message as Readonly<Partial<Record<string, string>>>;
  const languages = Object.keys(texts);
  const [first = ''] = languages;
  const text = texts[chooseLanguage(acceptLanguage, languages, otherwise in texts ? otherwise : first)];
  return text === undefined ? null : { text, link };
}
