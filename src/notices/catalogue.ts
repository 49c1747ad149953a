// Owns the parsed texts of all languages: the built-in ones, overridden by the operator's.
import { DEFAULT_TEMPLATES } from './default-templates.ts';
import { digest } from './digest.ts';
import { MESSAGE_REASONS } from './reasons.ts';
import type { MessageReason } from './reasons.ts';
import type { LanguageSource, MessageSource } from './source.ts';
import { TemplateError, cleanText, parseTemplate } from './template.ts';
import type { Template } from './template.ts';

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** An operator's file. Missing texts are taken from the built-in texts of that language. */
export interface LanguageOverride {
  readonly headings?: Optional<LanguageSource['headings']> | undefined;
  readonly reasons?: Optional<LanguageSource['reasons']> | undefined;
  readonly messages?: Optional<Record<MessageReason, Optional<MessageSource>>> | undefined;
  readonly details?: readonly string[] | undefined;
  readonly footer?: string | undefined;
}

/** One message, parsed. */
export interface CompiledMessage {
  readonly subject: Template;
  readonly happened: Template;
  readonly steps: readonly Template[];
  /** `null` = no link. */
  readonly link: Template | null;
  /** `null` = the message has no sentence about the date. */
  readonly next: Template | null;
  readonly returns: Template;
  readonly contact: Template;
}

/** One language, parsed. */
export interface CompiledLanguage {
  readonly language: string;
  /** Changes when any text of the language changes; equal on all nodes with the same texts. */
  readonly revision: string;
  readonly headings: LanguageSource['headings'];
  readonly reasons: LanguageSource['reasons'];
  readonly messages: Readonly<Record<MessageReason, CompiledMessage>>;
  readonly details: readonly Template[];
  readonly footer: Template;
}

/** All languages by tag, built-in ones first; input of `chooseLanguage`. */
export type Catalogue = ReadonlyMap<string, CompiledLanguage>;

/** Most steps of a message, and most lines of details. With the bounds of a template they bound the message. */
const MAX_LINES = 20;

/** The texts are invalid; the message lists every problem with its position. */
export class CatalogueError extends Error {
  readonly code = 'EASGATE_TEMPLATE';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/**
 * Parses the built-in texts and the operator's.
 *
 * @param overrides by language tag; a language that is not built in must be complete
 * @throws CatalogueError with the problems of all languages
 */
export function buildCatalogue(overrides: ReadonlyMap<string, LanguageOverride> = new Map()): Catalogue {
  const problems: string[] = [];
  const catalogue = new Map<string, CompiledLanguage>();
  for (const language of new Set([...DEFAULT_TEMPLATES.keys(), ...overrides.keys()])) {
    if (!isLanguageTag(language)) {
      problems.push(`${language}: not a language tag such as de or pt-BR (RFC 5646)`);
      continue;
    }
    const source = merge(language, overrides.get(language) ?? {}, problems);
    if (source !== null) catalogue.set(language, compile(language, source, problems));
  }
  if (problems.length > 0) throw new CatalogueError(problems);
  return catalogue;
}

/** Parses one operator's file alone, to report its problems. @throws CatalogueError */
export function checkLanguage(language: string, override: LanguageOverride): void {
  buildCatalogue(new Map([[language, override]]));
}

function merge(language: string, override: LanguageOverride, problems: string[]): LanguageSource | null {
  const base = DEFAULT_TEMPLATES.get(language);
  const before = problems.length;
  const pick = <T>(place: string, ...choices: readonly (T | undefined)[]): T => {
    const found = choices.find((choice) => choice !== undefined);
    if (found === undefined)
      problems.push(`${language}: ${place} is missing, and ${language} is not built in`);
    // The value is never used: a missing text fails the whole language below.
    return found as T;
  };
  const message = (reason: MessageReason): MessageSource => {
    const own = override.messages?.[reason];
    const built = base?.messages[reason];
    const part = <K extends keyof MessageSource>(key: K): MessageSource[K] =>
      pick<MessageSource[K]>(`messages.${reason}.${key}`, own?.[key], built?.[key]);
    return {
      subject: part('subject'),
      happened: part('happened'),
      steps: part('steps'),
      link: part('link'),
      next: own?.next ?? built?.next ?? '',
      returns: part('returns'),
      contact: part('contact'),
    };
  };
  const source: LanguageSource = {
    headings: {
      steps: pick('headings.steps', override.headings?.steps, base?.headings.steps),
      details: pick('headings.details', override.headings?.details, base?.headings.details),
    },
    reasons: perReason((reason) =>
      pick(`reasons.${reason}`, override.reasons?.[reason], base?.reasons[reason]),
    ),
    messages: perReason(message),
    details: pick('details', override.details, base?.details),
    footer: pick('footer', override.footer, base?.footer),
  };
  return problems.length === before ? source : null;
}

function compile(language: string, source: LanguageSource, problems: string[]): CompiledLanguage {
  const parseAll = (texts: readonly string[], place: string): readonly Template[] => {
    if (texts.length > MAX_LINES) problems.push(`${language}: ${place}: more than ${MAX_LINES} lines`);
    return texts.slice(0, MAX_LINES).map((text, index) => parse(text, `${place}.${index}`));
  };
  const parse = (text: string, place: string, needed = false): Template => {
    try {
      return parseTemplate(text, `${language}: ${place}`, needed);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      problems.push(error.message);
      return { nodes: [] };
    }
  };
  return {
    language,
    revision: digest(JSON.stringify(source)),
    headings: { steps: cleanText(source.headings.steps), details: cleanText(source.headings.details) },
    reasons: perReason((reason) => cleanText(source.reasons[reason])),
    messages: perReason((reason) => {
      const message = source.messages[reason];
      const at = (key: string): string => `messages.${reason}.${key}`;
      return {
        subject: parse(message.subject, at('subject'), true),
        happened: parse(message.happened, at('happened'), true),
        steps: parseAll(message.steps, at('steps')),
        link: message.link === '' ? null : parse(message.link, at('link'), true),
        next: message.next ? parse(message.next, at('next')) : null,
        returns: parse(message.returns, at('returns'), true),
        contact: parse(message.contact, at('contact'), true),
      };
    }),
    details: parseAll(source.details, 'details'),
    footer: parse(source.footer, 'footer', true),
  };
}

/** Whether Intl can format dates for the tag; it throws for invalid tags. */
function isLanguageTag(language: string): boolean {
  try {
    return language.length <= 35 && Intl.getCanonicalLocales(language).length === 1;
  } catch {
    return false;
  }
}

function perReason<T>(make: (reason: MessageReason) => T): Record<MessageReason, T> {
  return Object.fromEntries(MESSAGE_REASONS.map((reason) => [reason, make(reason)])) as Record<
    MessageReason,
    T
  >;
}
