// Owns the XML of Autodiscover for phones: requests, answers, and the parts of a mail server's answer that are passed
// on (MS-ASCMD 2.2.1.1, 2.2.3; MS-OXDSCLI 2.2.4). Pure.
import { childOf, escapeXml, readXml } from './xml.ts';
import type { XmlElement } from './xml.ts';

const REQUEST = 'http://schemas.microsoft.com/exchange/autodiscover/mobilesync/requestschema/2006';
const RESPONSE = 'http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006';
const ENVELOPE = 'http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006';
const MAX_ADDRESS = 320;
const MAX_NAME = 256;

/** 600 = malformed request; 601 = a schema that is not for phones. */
export type AutodiscoverErrorCode = 600 | 601;

/** What an answer says about the user. */
export interface AutodiscoverFacts {
  /** `en:us` as Exchange writes it. */
  readonly culture: string;
  readonly displayName: string;
  readonly email: string;
}

/** A mail server's answer about a user. */
export type ServerAnswer =
  | { readonly kind: 'settings'; readonly facts: AutodiscoverFacts }
  /** Repeat the request for this address. */
  | { readonly kind: 'redirect'; readonly facts: AutodiscoverFacts; readonly email: string }
  /** The server does not know the mailbox or the provider. */
  | { readonly kind: 'error' };

/** The address that a request asks about, or an error code. */
export function readRequest(body: Uint8Array): string | AutodiscoverErrorCode {
  const root = readXml(body);
  if (root === null || root.name !== 'Autodiscover') return 600;
  // Outlook and others use the same path with other schemas.
  if (root.namespace !== REQUEST) return 601;
  const request = childOf(root, REQUEST, 'Request');
  const email = childOf(request, REQUEST, 'EMailAddress')?.text.trim() ?? '';
  const schema = childOf(request, REQUEST, 'AcceptableResponseSchema')?.text.trim() ?? '';
  if (!isAddress(email)) return 600;
  return schema === RESPONSE ? email : 601;
}

/** A request about this address, for the mail server. */
export function writeRequest(email: string): string {
  return document(
    'Autodiscover',
    REQUEST,
    `<Request><EMailAddress>${escapeXml(email)}</EMailAddress>` +
      `<AcceptableResponseSchema>${RESPONSE}</AcceptableResponseSchema></Request>`,
  );
}

/** The answer with the URL for phones. */
export function writeSettings(facts: AutodiscoverFacts, url: string): string {
  const address = escapeXml(url);
  const server = `<Server><Type>MobileSync</Type><Url>${address}</Url><Name>${address}</Name></Server>`;
  return response(facts, `<Settings>${server}</Settings>`);
}

/** The answer that sends the phone to another address. */
export function writeRedirect(facts: AutodiscoverFacts, email: string): string {
  return response(facts, `<Redirect>${escapeXml(email)}</Redirect>`);
}

/** The answer with an error code. */
export function writeError(code: AutodiscoverErrorCode): string {
  const message = code === 600 ? 'Invalid Request' : 'Provider is not available';
  return document(
    'Autodiscover',
    ENVELOPE,
    `<Response><Error><ErrorCode>${code}</ErrorCode><Message>${message}</Message><DebugData /></Error></Response>`,
  );
}

/**
 * Parses a mail server's answer; null when it is not understood. Only the fields of {@link ServerAnswer} are passed on:
 * with the server addresses in it the phone would bypass the gateway.
 */
export function readServerAnswer(body: Uint8Array): ServerAnswer | null {
  const root = readXml(body);
  if (root === null || root.name !== 'Autodiscover') return null;
  if (childOf(childOf(root, ENVELOPE, 'Response'), ENVELOPE, 'Error') !== undefined) return { kind: 'error' };
  const answer = childOf(root, RESPONSE, 'Response');
  const action = childOf(answer, RESPONSE, 'Action');
  if (answer === undefined || action === undefined) return null;
  if (childOf(action, RESPONSE, 'Error') !== undefined) return { kind: 'error' };
  const facts = readFacts(answer);
  const redirect = childOf(action, RESPONSE, 'Redirect')?.text.trim();
  if (redirect !== undefined)
    return isAddress(redirect) ? { kind: 'redirect', facts, email: redirect } : null;
  const servers = childOf(action, RESPONSE, 'Settings')?.children ?? [];
  const phones = servers.some(
    (server) => childOf(server, RESPONSE, 'Type')?.text.trim().toLowerCase() === 'mobilesync',
  );
  return phones ? { kind: 'settings', facts } : null;
}

/** The facts about a user of whom only the address is known. */
export function factsOfEmail(email: string): AutodiscoverFacts {
  return { culture: 'en:us', displayName: email, email };
}

function readFacts(answer: XmlElement): AutodiscoverFacts {
  const user = childOf(answer, RESPONSE, 'User');
  const culture = said(childOf(answer, RESPONSE, 'Culture'));
  return {
    culture: culture === '' ? 'en:us' : culture,
    displayName: said(childOf(user, RESPONSE, 'DisplayName')),
    email: said(childOf(user, RESPONSE, 'EMailAddress')),
  };
}

function said(element: XmlElement | undefined): string {
  return element?.text.trim().slice(0, MAX_NAME) ?? '';
}

function response({ culture, displayName, email }: AutodiscoverFacts, action: string): string {
  const user =
    `<User><DisplayName>${escapeXml(displayName)}</DisplayName>` +
    `<EMailAddress>${escapeXml(email)}</EMailAddress></User>`;
  return document(
    'Autodiscover',
    ENVELOPE,
    `<Response xmlns="${RESPONSE}"><Culture>${escapeXml(culture)}</Culture>${user}<Action>${action}</Action></Response>`,
  );
}

function document(root: string, namespace: string, content: string): string {
  return `<?xml version="1.0" encoding="utf-8"?>\r\n<${root} xmlns="${namespace}">${content}</${root}>`;
}

/** A plausible address: one `@` with text on both sides, and only characters of an address. */
function isAddress(text: string): boolean {
  if (text.length === 0 || text.length > MAX_ADDRESS) return false;
  const at = text.lastIndexOf('@');
  return at > 0 && at < text.length - 1 && !/[\u0000-\u0020\u007f]/.test(text);
}
