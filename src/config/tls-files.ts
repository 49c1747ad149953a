// Owns reading certificates, keys and authorities from disk.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { messageOf } from '../caught-error.ts';
import type { CertificateSettings } from '../gateway/settings.ts';
import { fileTrouble } from '../file-words.ts';
import { ConfigError } from './problems.ts';
import type { Config } from './schema.ts';

/** A certificate in PEM (RFC 7468 5.1). */
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Reads a file of authorities. It must hold certificates: OpenSSL ignores other text, and would then trust no
 * certificate. @throws ConfigError
 */
export function readAuthorities(path: string, name: string): string {
  const text = readPem(path, name);
  const found = text.match(CERTIFICATE) ?? [];
  const begun = text.split('-----BEGIN ').length - 1;
  if (found.length === 0 || found.length !== begun)
    throw new ConfigError(name, [`needs certificates in PEM, and nothing else: ${path}`]);
  for (const [index, certificate] of found.entries()) {
    try {
      void new X509Certificate(certificate);
    } catch (error) {
      throw new ConfigError(name, [`certificate ${index + 1} cannot be read: ${messageOf(error)}`]);
    }
  }
  return text;
}

/** Reads the certificates of the listener from disk. @throws ConfigError */
export function readCertificates(config: Config): CertificateSettings[] {
  return (config.listen.tls?.certificates ?? []).map(readCertificate);
}

/** Reads one certificate with its key. @throws ConfigError */
export function readCertificate(
  { certificate, key }: { readonly certificate: string; readonly key: string },
  index: number,
): CertificateSettings {
  return readPair({ certificate, key }, `listen.tls.certificates.${index}`);
}

/** Likewise, for any place of the configuration. @throws ConfigError */
export function readPair(
  { certificate, key }: { readonly certificate: string; readonly key: string },
  place: string,
): CertificateSettings {
  const pem = {
    certificate: readPem(certificate, `${place}.certificate`),
    key: readPem(key, `${place}.key`),
  };
  try {
    createSecureContext({ cert: pem.certificate, key: pem.key });
  } catch (error) {
    throw new ConfigError(place, [`certificate and key cannot be used together: ${messageOf(error)}`]);
  }
  return pem;
}

/** Reads the authorities of client certificates from disk; null = none configured. @throws ConfigError */
export function readClientCa(config: Config): string | null {
  const { clientCertificate } = config.listen.tls ?? {};
  if (clientCertificate === undefined) return null;
  return readAuthorities(clientCertificate.ca, 'listen.tls.clientCertificate.ca');
}

/** The text of a PEM file; `name` is the field that names it. @throws ConfigError */
export function readPem(path: string, name: string): string {
  // Every message about a path repeats it.
  if (path.includes('-----BEGIN '))
    throw new ConfigError(name, ['is the text of a PEM file: write the path of the file']);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(name, [`cannot be read: ${fileTrouble(error, path)}`]);
  }
}
