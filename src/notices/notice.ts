// Owns the message of the quarantine mailbox: its text, its HTML and its bytes. Pure and deterministic.
import type { Catalogue, CompiledLanguage } from './catalogue.ts';
import { digest } from './digest.ts';
import { directionOf } from './languages.ts';
import { htmlBody, textBody } from './layout.ts';
import type { NoticeContent } from './layout.ts';
import { composeMessage, isAddress } from './mime.ts';
import type { Mailbox } from './mime.ts';
import { messageReason } from './reasons.ts';
import { cleanText, cleanValues, plain, render, safeHref } from './template.ts';
import type { Segment, Template, Values } from './template.ts';

/** Operator settings for all messages. `null` = not configured. */
export interface NoticeSettings {
  readonly catalogue: Catalogue;
  /** Used for a language without texts. */
  readonly defaultLanguage: string;
  readonly organisation: string | null;
  readonly fromName: string;
  readonly fromAddress: string;
  readonly helpContact: string | null;
  readonly enrolmentUrl: string | null;
  /** IANA name, such as `Europe/Berlin`. */
  readonly timeZone: string;
}

/** A plain text of the policy, with the placeholders {user}, {model}, {until} and {link}. */
export interface OwnMessage {
  readonly text: string;
  /** URL of the link below it; null = that of the settings. */
  readonly link: string | null;
}

/** The inputs of one message. */
export interface NoticeInput {
  readonly settings: NoticeSettings;
  /** A verdict reason. */
  readonly reason: string;
  /** The unmet requirement, in the words of the policy or feed. */
  readonly requirement: string | null;
  /** The policy's text, which replaces the built-in texts about what happened and what to do. Null or absent = none. */
  readonly own?: OwnMessage | null;
  /** Milliseconds since the epoch: {{nextStep}} and {until}, when a step follows or what decided ends. Null or absent = none does. */
  readonly nextStep?: number | null;
  /** A language of the catalogue. */
  readonly language: string;
  readonly user: string;
  readonly device: string;
  readonly model: string | null;
  /** Milliseconds since the epoch: when the device was quarantined. Also the date of the message. */
  readonly since: number;
}

/** A rendered message. */
export interface Notice {
  /**
   * Changes when the content changes: reason, requirement, language, texts or settings; not with the reader, the device
   * or the date. A phone that holds another fingerprint gets the message again.
   */
  readonly fingerprint: string;
  readonly subject: string;
  readonly fromName: string;
  readonly fromAddress: string;
  /** Name in To; empty when the user name is an address. */
  readonly toName: string;
  readonly toAddress: string;
  /** ISO 8601, UTC. */
  readonly date: string;
  /** CRLF line ends. */
  readonly text: string;
  /** CRLF line ends. */
  readonly html: string;
  readonly language: string;
  /** The whole message, CRLF, 7-bit. */
  readonly mime: Buffer;
}

/** Increase it when the layout of the bodies changes, so that phones get the message in the new layout. */
const LAYOUT_REVISION = 1;

/** A domain that cannot exist (RFC 2606 2), so no mail can reach it. */
const NOWHERE = 'easgate.invalid';
/** Longest right side of a Message-ID that keeps its line below 78 characters (RFC 5322 2.1.1). */
const MAX_ID_DOMAIN = 36;
const MAX_NAME = 128;
/** The end of year 9999: RFC 5322 dates have four-digit years in practice. */
const MAX_DATE = 253_402_300_799_000;

/**
 * Renders the message. A value that cannot be shown is omitted or replaced. The same input gives the same bytes on
 * every node with the same Node.js (its ICU data formats the dates).
 * @throws RangeError when `settings.timeZone` is not a time zone; the configuration check prevents that
 */
export function renderNotice(input: NoticeInput): Notice {
  const { settings } = input;
  const language = languageOf(settings, input.language);
  const reason = messageReason(input.reason);
  const message = language.messages[reason];
  // RFC 5322 dates have whole seconds. All other dates are rounded too, so that two renderings are equal.
  const date = Math.floor(Math.min(Math.max(input.since || 0, 0), MAX_DATE) / 1_000) * 1_000;
  const { own = null, nextStep = null } = input;
  const nextDate =
    nextStep === null ? null : formatDate(Math.min(nextStep, MAX_DATE), language.language, settings.timeZone);
  const values = cleanValues({
    user: input.user || '-',
    device: input.device || '-',
    model: input.model,
    reason: language.reasons[reason],
    requirement: input.requirement,
    enrolmentUrl: settings.enrolmentUrl,
    helpContact: settings.helpContact,
    since: formatDate(date, language.language, settings.timeZone),
    nextStep: nextDate,
    organisation: settings.organisation,
  });
  const linkUrl = (own === null ? null : cleanLink(own.link)) ?? values.enrolmentUrl ?? null;
  const content: NoticeContent = {
    language: language.language,
    direction: directionOf(language.language),
    subject: lineOf(message.subject, values) ?? language.reasons[reason],
    happened: own === null ? render(message.happened, values) : ownText(own, input, nextDate, linkUrl),
    stepsHeading: language.headings.steps,
    steps: own === null ? linesOf(message.steps, values) : [],
    link: (message.link === null ? null : lineOf(message.link, values)) ?? (own === null ? null : linkUrl),
    linkUrl,
    next: own !== null || message.next === null ? null : render(message.next, values),
    returns: render(message.returns, values),
    contact: render(message.contact, values),
    detailsHeading: language.headings.details,
    details: linesOf(language.details, values),
    footer: render(language.footer, values),
  };
  const from = sender(settings);
  const to = recipient(input.user);
  const fingerprint = digest(
    LAYOUT_REVISION,
    reason,
    values.requirement ?? null,
    language.language,
    language.revision,
    from.name,
    from.address,
    values.organisation ?? null,
    values.helpContact ?? null,
    values.enrolmentUrl ?? null,
    settings.timeZone,
    nextDate,
    ...(own === null ? [] : [own.text, own.link]),
  );
  const text = textBody(content);
  const html = htmlBody(content);
  const domain = from.address.slice(from.address.indexOf('@') + 1);
  return {
    fingerprint,
    subject: content.subject,
    fromName: from.name,
    fromAddress: from.address,
    toName: to.name,
    toAddress: to.address,
    date: new Date(date).toISOString(),
    text,
    html,
    language: language.language,
    mime: composeMessage({
      date,
      from,
      to,
      subject: content.subject,
      id: digest(fingerprint, input.user, input.device, input.model, date),
      idDomain: domain.length <= MAX_ID_DOMAIN ? domain : NOWHERE,
      language: language.language,
      text,
      html,
    }),
  };
}

function languageOf(settings: NoticeSettings, wanted: string): CompiledLanguage {
  const { catalogue, defaultLanguage } = settings;
  const found = catalogue.get(wanted) ?? catalogue.get(defaultLanguage) ?? catalogue.get('en');
  if (found === undefined) throw new RangeError('a catalogue always has the built-in languages');
  return found;
}

function lineOf(template: Template, values: Values): string | null {
  const segments = render(template, values);
  return segments === null ? null : plain(segments);
}

function linesOf(templates: readonly Template[], values: Values): (readonly Segment[])[] {
  return templates.map((template) => render(template, values)).filter((line) => line !== null);
}

function sender({ fromName, fromAddress }: NoticeSettings): Mailbox {
  return {
    name: headerName(fromName),
    address: isAddress(fromAddress) ? fromAddress : `no-reply@${NOWHERE}`,
  };
}

/**
 * The recipient. A user name that is not an address (`EXAMPLE\jane`) becomes the display name of an address that cannot exist:
 * a constructed address could belong to somebody else.
 */
function recipient(user: string): Mailbox {
  if (isAddress(user)) return { name: '', address: user };
  return { name: headerName(user), address: `recipient@${NOWHERE}` };
}

function headerName(name: string): string {
  return cleanText(name).slice(0, MAX_NAME).toWellFormed().trim();
}

/** The policy's text with its values; an unknown value becomes a dash. */
function ownText(
  { text }: OwnMessage,
  { user, model }: NoticeInput,
  until: string | null,
  link: string | null,
): readonly Segment[] {
  const values: Readonly<Record<string, string | null>> = {
    user,
    model,
    until,
    link,
  };
  const filled = text.replace(/\{(user|model|until|link)\}/g, (_, name: string) => values[name] || '–');
  return [{ text: cleanText(filled), variable: false }];
}

/** The link, if it is a valid URL. Links of a policy are also checked at its compilation. */
function cleanLink(link: string | null): string | null {
  return link === null ? null : safeHref(cleanText(link));
}

function formatDate(date: number, language: string, timeZone: string): string {
  return new Intl.DateTimeFormat(language, {
    year: 'numeric',
    month: 'long',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZone,
    timeZoneName: 'short',
  }).format(date);
}
