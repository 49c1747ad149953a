// Owns what a phone gets for a verdict: mail, the message of the quarantine mailbox, the order to erase itself, or refusals by command.
import type { Config } from '../config/schema.ts';
import { noticeSettings } from '../config/notice-settings.ts';
import { clientFamily, refusalAnswer } from '../eas/refusals.ts';
import type { Refusal, RefusedCommand } from '../eas/refusals.ts';
import { decodeWbxml } from '../eas/wbxml/decode.ts';
import { isElement } from '../eas/wbxml/element.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import { refusalFor } from '../gateway/access/local-replies.ts';
import { NoticeCache } from '../gateway/access/notice-cache.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { PartnershipRecord } from '../model/partnership.ts';
import type { Verdict } from '../model/verdict.ts';

/** The message of the quarantine mailbox, in one language. */
export interface ShownMessage {
  readonly language: string;
  readonly subject: string;
  /** `Name <address>`. */
  readonly from: string;
  /** The plain text, with line feeds. */
  readonly text: string;
}

/** The answer to a command. */
export interface ShownAnswer {
  readonly command: string;
  readonly http: number;
  /** In the body (MS-ASCMD 2.2.3.177); null = there is no body. */
  readonly status: string | null;
}

/** What a phone gets. */
export interface PhoneReply {
  /** `comeAgain`: it tries again later; `wipe`: the wipe order, in the answer to its next Provision. */
  readonly kind: 'mail' | 'mailbox' | 'wipe' | 'comeAgain' | 'refusal';
  /** Of the quarantine mailbox, the language of the configuration first, those of the policy's text last; else empty. */
  readonly messages: readonly ShownMessage[];
  /** To commands that are refused; empty where mail passes, and in the quarantine mailbox. */
  readonly answers: readonly ShownAnswer[];
}

/** The commands that phones send most. */
const COMMANDS: readonly RefusedCommand[] = ['FolderSync', 'Sync', 'Ping', 'SendMail', 'Provision'];

/** Rendering is cached; a configuration does not change while a process runs. */
const caches = new WeakMap<object, { readonly cache: NoticeCache; readonly languages: readonly string[] }>();

/** What the phone of a partnership gets for the verdict; `seen` null = nobody was seen with the device. */
export function phoneReply(
  config: Config,
  verdict: Verdict,
  { user, device }: { readonly user: UserKey; readonly device: DeviceKey },
  seen: PartnershipRecord | null,
): PhoneReply {
  const { action, reason } = verdict;
  if (action === 'allow') return { kind: 'mail', messages: [], answers: [] };
  if (action === 'quarantine' && reason !== 'awaitingReport' && config.quarantine.answer === 'mailbox')
    return { kind: 'mailbox', messages: messagesOf(config, verdict, user, device, seen), answers: [] };
  const protocolVersion = seen?.protocolVersion ?? null;
  const refusal = refusalFor(verdict, protocolVersion);
  // A wipe of the account is an order for those who know it alone (MS-ASPROV 2.2.2.1).
  const isOrder = refusal === 'remoteWipe' && verdict.wipe !== undefined;
  const kind = isOrder ? 'wipe' : refusal === 'tryLater' ? 'comeAgain' : 'refusal';
  return { kind, messages: [], answers: answersOf(refusal, isOrder, protocolVersion, seen) };
}

function messagesOf(
  config: Config,
  verdict: Verdict,
  user: UserKey,
  device: DeviceKey,
  seen: PartnershipRecord | null,
): ShownMessage[] {
  const { cache, languages } = noticesOf(config);
  cache.noteModel(user, device, verdict.model ?? seen?.model ?? null);
  const deviceType = seen?.deviceType ?? '';
  const { link: _link, ...texts }: Readonly<Record<string, string>> = { ...verdict.message };
  const ofPolicy = Object.keys(texts).filter((language) => !languages.includes(language));
  return [...languages, ...ofPolicy].map((language) => {
    const notice = cache.of(verdict, { user, device, deviceType, acceptLanguage: language });
    return {
      language,
      subject: notice.subject,
      from: `${notice.fromName} <${notice.fromAddress}>`,
      text: notice.text.replaceAll('\r\n', '\n').trimEnd(),
    };
  });
}

function noticesOf(config: Config): { readonly cache: NoticeCache; readonly languages: readonly string[] } {
  const kept = caches.get(config);
  if (kept !== undefined) return kept;
  const settings = noticeSettings(config);
  const others = [...settings.catalogue.keys()].filter((language) => language !== settings.defaultLanguage);
  const made = { cache: new NoticeCache(settings), languages: [settings.defaultLanguage, ...others] };
  caches.set(config, made);
  return made;
}

function answersOf(
  refusal: Refusal,
  isOrder: boolean,
  protocolVersion: string | null,
  seen: PartnershipRecord | null,
): ShownAnswer[] {
  const family = clientFamily(seen?.userAgent ?? null, seen?.deviceType ?? null);
  // The answer to Provision carries the order (MS-ASPROV 3.2.5.1.2).
  return COMMANDS.filter((command) => !isOrder || command !== 'Provision').map((command) => {
    const { status, body } = refusalAnswer(refusal, command, protocolVersion, family, true);
    return { command, http: status, status: body === null ? null : statusIn(decodeWbxml(body)) };
  });
}

/** The text of the first Status within an answer. */
function statusIn(root: WbxmlElement): string | null {
  for (const child of root.children) {
    if (!isElement(child)) continue;
    const [text] = child.children;
    if (child.name === 'Status') return typeof text === 'string' ? text : null;
    const found = statusIn(child);
    if (found !== null) return found;
  }
  return null;
}
