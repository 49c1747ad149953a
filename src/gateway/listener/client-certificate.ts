// Owns reading the user of a client certificate, whose chain was verified before.
import type { X509Certificate } from 'node:crypto';
import type { UserKey } from '../../identity/keys.ts';
import { isUserError, userKey } from '../../identity/user.ts';
import type { ClientCertificateSettings } from '../settings.ts';

/** The user key from the configured field; null when the field does not occur exactly once, or is no user name. */
export function certificateUser(
  certificate: X509Certificate,
  place: ClientCertificateSettings['user'],
): UserKey | null {
  const name = place === 'commonName' ? commonName(certificate) : alternativeName(certificate, place);
  if (name === null) return null;
  const key = userKey(name);
  return isUserError(key) ? null : key;
}

/** The only CN of the subject. Node writes one attribute per line and escapes line breaks in values. */
function commonName(certificate: X509Certificate): string | null {
  const names = certificate.subject.split('\n').filter((line) => line.startsWith('CN='));
  return names.length === 1 && names[0] !== undefined ? plain(names[0].slice(3)) : null;
}

/** otherName UPN (1.3.6.1.4.1.311.20.2.3) or rfc822Name of subjectAltName (RFC 5280 4.2.1.6). */
function alternativeName(certificate: X509Certificate, place: 'upn' | 'email'): string | null {
  const prefix = place === 'upn' ? 'othername:UPN:' : 'email:';
  // Node writes an ambiguous value as a JSON string (CVE-2021-44532).
  const names = (certificate.subjectAltName ?? '').split(', ').filter((entry) => entry.startsWith(prefix));
  return names.length === 1 && names[0] !== undefined ? plain(names[0].slice(prefix.length)) : null;
}

/** Only names without quoting or escaping: others could be read in two ways. */
function plain(text: string): string | null {
  return /^[A-Za-z0-9._@+-]{1,256}$/.test(text) ? text : null;
}
