// Owns the certificate of the TLS scenarios: P-256, made by openssl for each run, the same for every rival.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files of a certificate and its key; `both` has one after the other, as HAProxy requires. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
  readonly both: string;
}

/** Writes a self-signed certificate for mail.example.com. */
export function writeCertificate(folder: string): CertificateFiles {
  const files = {
    certificate: join(folder, 'certificate.pem'),
    key: join(folder, 'key.pem'),
    both: join(folder, 'both.pem'),
  };
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const name = ['-subj', '/CN=mail.example.com', '-addext', 'subjectAltName=DNS:mail.example.com'];
  const words = ['req', '-x509', ...curve, ...name, '-days', '2', '-keyout', files.key];
  execFileSync('openssl', [...words, '-out', files.certificate], { stdio: 'ignore' });
  const both = readFileSync(files.certificate, 'utf8') + readFileSync(files.key, 'utf8');
  writeFileSync(files.both, both, { mode: 0o600 });
  return files;
}
