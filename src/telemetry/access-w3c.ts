// Owns the W3C extended form of the access log (https://www.w3.org/TR/WD-logfile), with the fields and habits of IIS, so that
// programs that read IIS logs of Exchange read it too.
import { plain } from '../plain-text.ts';
import type { LineFormat } from './access-log.ts';
import type { FinishedPassage, FinishedRequest } from './finished-request.ts';

const MAX_TEXT = 256;
const MAX_PATH = 1_024;
const EAS_PATH = '/Microsoft-Server-ActiveSync';

/** Written at the start of a file, and again by every process that opens it. Times are UTC; time-taken is milliseconds. */
export const W3C_HEADER = [
  '#Software: easgate',
  '#Version: 1.0',
  '#Fields: date time cs-method cs-uri-stem cs-uri-query cs-username c-ip cs(User-Agent) sc-status sc-bytes cs-bytes time-taken x-verdict x-reason x-error x-upstream',
  '',
].join('\n');

/** One line of fields between spaces; `-` = none. */
export class W3cLines implements LineFormat {
  private readonly identities: boolean;
  private prefix = '';
  private prefixAt = NaN;

  /** `identities` false = lines without user, device and client address. */
  constructor(identities: boolean) {
    this.identities = identities;
  }

  request(exchange: FinishedRequest, address: string, durationMs: number, time: number): string {
    const { verdict, autodiscover } = exchange;
    const path = autodiscover === null ? EAS_PATH : `/autodiscover/autodiscover.${autodiscover.form}`;
    const upstream = exchange.attempts > 0 ? (exchange.server?.settings.name ?? null) : null;
    return (
      `${this.begin(time)}${field(exchange.method)} ${path} ${this.query(exchange)} ` +
      `${this.identities ? field(exchange.user) : '-'} ${this.identities ? field(address) : '-'} ${field(exchange.userAgent)} ` +
      `${exchange.status} ${exchange.bytesOut} ${exchange.bytesIn} ${durationMs} ` +
      `${verdict?.action ?? '-'} ${verdict?.reason ?? '-'} ${exchange.error ?? '-'} ${field(upstream)}\n`
    );
  }

  passage(line: FinishedPassage, durationMs: number, time: number): string {
    return (
      `${this.begin(time)}${field(line.method)} ${field(line.path, MAX_PATH)} - - ` +
      `${this.identities ? field(line.address) : '-'} - ${line.status} ${line.bytesOut} - ${durationMs} ` +
      `- - ${line.error ?? '-'} ${field(line.upstream)}\n`
    );
  }

  /** The query in its plain form, whatever form the phone used (MS-ASHTTP 2.2.1.1.1). */
  private query({ command, user, device, deviceType }: FinishedRequest): string {
    if (command === null) return '-';
    if (!this.identities) return `Cmd=${command}`;
    return `Cmd=${command}&User=${value(user)}&DeviceId=${value(device)}&DeviceType=${value(deviceType)}`;
  }

  private begin(time: number): string {
    const second = Math.floor(time / 1_000);
    if (second !== this.prefixAt) {
      this.prefixAt = second;
      this.prefix = `${new Date(second * 1_000).toISOString().slice(0, 19).replace('T', ' ')} `;
    }
    return this.prefix;
  }
}

/** A space would be the end of the field: IIS writes `+`. */
function field(text: string | null, max = MAX_TEXT): string {
  if (text === null || text === '') return '-';
  const cut = text.slice(0, max);
  return /[^!-~]/.test(cut) ? encodeFurther(plain(cut, max).replaceAll(' ', '+')) || '-' : cut;
}

function value(text: string | null): string {
  const cut = (text ?? '').slice(0, MAX_TEXT);
  return /[^\w.@-]/.test(cut) ? encodeURIComponent(plain(cut, MAX_TEXT).toWellFormed()) : cut;
}

/** Other characters than visible ASCII, as in a URL. */
function encodeFurther(text: string): string {
  return text.toWellFormed().replace(/[^!-~]+/g, (some) => encodeURIComponent(some));
}
