// Owns the checks of certificates before they are used: expired, about to expire, or for other host names.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Config } from './schema.ts';

/** One finding; `ended` = expired or not yet valid, so no client accepts it. */
export interface CertificateRemark {
  /** The field that names the file. */
  readonly place: string;
  readonly text: string;
  readonly ended: boolean;
}

const DAY_MS = 86_400_000;
const SOON_MS = 30 * DAY_MS;
/** A certificate in PEM (RFC 7468 5.1). */
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Checks every certificate that the configuration names; unreadable files are reported elsewhere. */
export function certificateRemarks(config: Config, now = Date.now()): CertificateRemark[] {
  return [
    ...filesOf(config).flatMap(([place, file]) => datesOf(place, read(file), now)),
    ...namesNotCovered(config),
  ];
}

/** When a certificate ends, milliseconds since the epoch. */
export interface CertificateEnd {
  readonly place: string;
  readonly name: string;
  readonly endsAt: number;
}

/** The ends of all certificates that the configuration names, the next one first. */
export function certificateEnds(config: Config): CertificateEnd[] {
  const { tls } = config.admin;
  const files = tls === undefined ? [] : [['admin.tls.certificate', tls.certificate] as const];
  return [...filesOf(config), ...files]
    .flatMap(([place, file]) =>
      read(file).map((one) => ({ place, name: nameOf(one), endsAt: one.validToDate.getTime() })),
    )
    .sort((a, b) => a.endsAt - b.endsAt);
}

function filesOf(config: Config): [string, string][] {
  const { tls } = config.listen;
  const files: [string, string][] = (tls?.certificates ?? []).map(({ certificate }, index) => [
    `listen.tls.certificates.${index}.certificate`,
    certificate,
  ]);
  if (tls?.clientCertificate !== undefined)
    files.push(['listen.tls.clientCertificate.ca', tls.clientCertificate.ca]);
  if (config.upstream.tls.ca !== undefined) files.push(['upstream.tls.ca', config.upstream.tls.ca]);
  if (config.upstream.tls.certificate !== undefined)
    files.push(['upstream.tls.certificate', config.upstream.tls.certificate]);
  return files;
}

function datesOf(place: string, certificates: readonly X509Certificate[], now: number): CertificateRemark[] {
  return certificates.flatMap((certificate, index) => {
    const which = certificates.length === 1 ? 'the certificate' : `certificate ${index + 1} of the file`;
    const what = `${which} (${nameOf(certificate)})`;
    const found = dateOf(certificate.validFromDate.getTime(), certificate.validToDate.getTime(), now);
    return found === null ? [] : [{ place, text: `${what} ${found.text}`, ended: found.ended }];
  });
}

function dateOf(from: number, to: number, now: number): { text: string; ended: boolean } | null {
  if (to <= now) return { text: `ended on ${dayOf(to)}, ${days(now - to)} ago: renew it`, ended: true };
  if (from > now)
    return { text: `is valid from ${dayOf(from)} on only: is the clock of this host right?`, ended: true };
  if (to - now >= SOON_MS) return null;
  return { text: `ends on ${dayOf(to)}, in ${days(to - now)}: renew it in time`, ended: false };
}

/** When the first certificate of each use ends, milliseconds since the epoch. */
export type CertificateEnds = ReadonlyMap<string, number>;

/** The ends, by use (metrics/definitions.ts); unreadable files are reported elsewhere. */
export function certificateEndsByUse({ listen: { tls }, upstream }: Config): CertificateEnds {
  const files: [string, string | undefined][] = [
    ...(tls?.certificates ?? []).map(({ certificate }): [string, string] => ['listener', certificate]),
    ['client_ca', tls?.clientCertificate?.ca],
    ['upstream_ca', upstream.tls.ca],
    ['upstream_client', upstream.tls.certificate],
  ];
  const ends = new Map<string, number>();
  for (const [use, file] of files) {
    if (file === undefined) continue;
    for (const { validToDate } of read(file))
      ends.set(use, Math.min(ends.get(use) ?? Infinity, validToDate.getTime()));
  }
  return ends;
}

/** Public host names that no certificate of the listener covers. */
function namesNotCovered({ listen, publicUrl, publicHosts }: Config): CertificateRemark[] {
  if (listen.tls === undefined) return [];
  const leaves = listen.tls.certificates.flatMap(({ certificate }) => read(certificate).slice(0, 1));
  if (leaves.length < listen.tls.certificates.length) return [];
  const wanted = publicHosts.map((host, index): [string, string] => [`publicHosts.${index}`, host]);
  if (publicUrl !== undefined) wanted.unshift(['publicUrl', new URL(publicUrl).hostname]);
  const lacking = wanted.filter(([, host]) => !leaves.some((leaf) => covers(leaf, host)));
  const names = [...new Set(leaves.flatMap(namesOf))].join(', ') || 'no host name';
  return lacking.map(([place, host]) => ({
    place,
    text: `no certificate of listen.tls is for ${host} (they are for ${names}): phones refuse to connect there`,
    ended: false,
  }));
}

function covers(leaf: X509Certificate, host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').replace(/:\d+$/, '');
  return isIP(bare) === 0 ? leaf.checkHost(bare) !== undefined : leaf.checkIP(bare) !== undefined;
}

function namesOf(leaf: X509Certificate): string[] {
  const alternatives = leaf.subjectAltName ?? '';
  return [...alternatives.matchAll(/(?:DNS|IP Address):"?([^,"]+)/g)].map(([, name = '']) => name);
}

function nameOf(certificate: X509Certificate): string {
  return namesOf(certificate)[0] ?? /CN=([^\n]+)/.exec(certificate.subject)?.[1] ?? 'no name';
}

function read(path: string): X509Certificate[] {
  try {
    const found = readFileSync(path, 'utf8').match(CERTIFICATE) ?? [];
    return found.map((pem) => new X509Certificate(pem));
  } catch {
    return [];
  }
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

function days(ms: number): string {
  const whole = Math.floor(ms / DAY_MS);
  return whole === 0 ? 'less than a day' : `${whole} day${whole === 1 ? '' : 's'}`;
}
