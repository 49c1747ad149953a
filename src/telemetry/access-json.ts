// Owns the JSON form of the access log. Lines are put together by hand: JSON.stringify of an object costs several times as much.
import { plain } from '../plain-text.ts';
import type { LineFormat } from './access-log.ts';
import type { FinishedPassage, FinishedRequest } from './finished-request.ts';

/** Most characters logged of a User-Agent, a device name or a path: each may be as long as a request head. */
const MAX_TEXT = 256;
const MAX_PATH = 1_024;
/** Most rules whose names are kept. */
const MAX_RULES = 1_000;
/** Most phones whose fields are kept: a megabyte for usual names, and six for the longest that are kept. */
const MAX_PHONES = 2_000;
/** Longest fields of a phone that are kept, characters in all: anybody can send many phones with heads full of one header. */
const MAX_KEPT = 1_024;
/** What JSON does not allow in a string, or a terminal obeys. */
const SPECIAL = /["\\\u0000-\u001f\u007f-\uffff]/;
/** What JSON allows in a string, and a terminal obeys: C1 controls, line separators, marks of direction. */
const UNSHOWN = /[\u007f-\u009f\u2028\u2029\p{Bidi_Control}]/gu;

/** The fields that a phone repeats in each request: as received, and as JSON. */
interface Phone {
  readonly user: string | null;
  readonly deviceType: string | null;
  readonly userAgent: string | null;
  readonly protocolVersion: string | null;
  readonly json: string;
}

/** One JSON object per line; keys: docs/guide/logs.md. */
export class JsonLines implements LineFormat {
  private readonly identities: boolean;
  /** The first fields of lines of one moment. */
  private prefix = '';
  private prefixAt = NaN;
  /** Names of rules, mostly with quotes, as JSON. */
  private readonly rules = new Map<string, string>();
  /** By device. */
  private readonly phones = new Map<string, Phone>();

  /** `identities` false = lines without user, device and client address. */
  constructor(identities: boolean) {
    this.identities = identities;
  }

  request(exchange: FinishedRequest, address: string, durationMs: number, time: number): string {
    const { verdict, error, autodiscover } = exchange;
    return (
      this.begin(address, time) +
      this.phone(exchange) +
      `"method":${text(exchange.method)},"command":${nullable(exchange.command)},` +
      (autodiscover === null ? '' : `"autodiscover":${text(autodiscover.form)},`) +
      `"status":${exchange.status},` +
      (verdict === null
        ? ''
        : `"action":"${verdict.action}","reason":"${verdict.reason}","rule":${this.rule(verdict.rule)},`) +
      (error === null ? '' : `"error":"${error}",`) +
      (exchange.held ? '"held":true,' : '') +
      (exchange.attempts > 0 && exchange.server !== null
        ? `"upstream":${text(exchange.server.settings.name)},`
        : '') +
      `"upstream_reused":${exchange.upstreamReused},"bytes_in":${exchange.bytesIn},"bytes_out":${exchange.bytesOut},"duration_ms":${durationMs}}\n`
    );
  }

  passage(line: FinishedPassage, durationMs: number, time: number): string {
    const { method, path, status, error, upstream, bytesOut } = line;
    return (
      this.begin(line.address, time) +
      `"method":${text(method)},"path":${text(path.slice(0, MAX_PATH))},"status":${status},` +
      (error === null ? '' : `"error":"${error}",`) +
      (upstream === null ? '' : `"upstream":${text(upstream)},`) +
      `"bytes_out":${bytesOut},"duration_ms":${durationMs}}\n`
    );
  }

  /** The same for all requests of most phones, so it is kept. */
  private phone(exchange: FinishedRequest): string {
    const { device, user, deviceType, userAgent, protocolVersion } = exchange;
    if (device === null) return this.phoneJson(exchange);
    const known = this.phones.get(device);
    if (
      known?.user === user &&
      known.deviceType === deviceType &&
      known.userAgent === userAgent &&
      known.protocolVersion === protocolVersion
    )
      return known.json;
    const json = this.phoneJson(exchange);
    if (lengthOf(user) + lengthOf(deviceType) + lengthOf(userAgent) + lengthOf(protocolVersion) > MAX_KEPT)
      return json;
    const phone = {
      user: copied(user),
      deviceType: copied(deviceType),
      userAgent: copied(userAgent),
      protocolVersion: copied(protocolVersion),
      json: copied(json),
    };
    if (this.phones.size >= MAX_PHONES) this.phones.clear();
    this.phones.set(copied(device), phone);
    return phone.json;
  }

  private phoneJson({ user, device, deviceType, userAgent, protocolVersion }: FinishedRequest): string {
    return (
      (this.identities ? `"user":${nullable(user)},"device":${nullable(device)},` : '') +
      `"device_type":${shown(deviceType)},"user_agent":${shown(userAgent)},"protocol_version":${nullable(protocolVersion)},`
    );
  }

  private rule(name: string | null): string {
    if (name === null) return 'null';
    let json = this.rules.get(name);
    if (json === undefined) {
      json = text(name);
      if (this.rules.size >= MAX_RULES) this.rules.clear();
      this.rules.set(name, json);
    }
    return json;
  }

  private begin(address: string, time: number): string {
    if (time !== this.prefixAt) {
      this.prefixAt = time;
      this.prefix = `{"level":30,"time":"${new Date(time).toISOString()}",`;
    }
    return this.identities ? `${this.prefix}"client":${text(address)},` : this.prefix;
  }
}

function lengthOf(text: string | null): number {
  return text === null ? 0 : text.length;
}

/** A copy: a substring would keep the whole original text in memory. */
function copied<T extends string | null>(value: T): T | string {
  return value === null ? value : Buffer.from(value).toString();
}

function text(value: string): string {
  return SPECIAL.test(value) ? JSON.stringify(value).replaceAll(UNSHOWN, escaped) : `"${value}"`;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function nullable(value: string | null): string {
  return value === null ? 'null' : text(value);
}

/** Cuts a text and removes control characters: JSON does not escape those above ASCII (RFC 8259 7), and a terminal obeys them. */
function shown(value: string | null): string {
  if (value === null) return 'null';
  const cut = value.slice(0, MAX_TEXT);
  return SPECIAL.test(cut) ? JSON.stringify(plain(value, MAX_TEXT)) : `"${cut}"`;
}
