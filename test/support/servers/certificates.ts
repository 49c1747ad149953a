// Owns certificates for tests: an authority, and leaves with any name, purpose and age. EC keys, made in milliseconds.
import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  cryptoProvider,
} from '@peculiar/x509';
import type { JsonGeneralNames } from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

/** A certificate and its key, as PEM text. */
export interface Credentials {
  readonly certificate: string;
  readonly key: string;
}

/** Contents of a leaf certificate. */
export interface LeafFacts {
  /** CN of the subject; several are written in the given order. */
  readonly commonNames?: readonly string[];
  /** Names of subjectAltName, `dns`, `ip`, `email` and `upn` among them. */
  readonly names?: JsonGeneralNames;
  /** Expired yesterday. */
  readonly expired?: boolean;
}

/** An authority that issues leaves for both sides of a connection. */
export interface Authority {
  readonly certificate: string;
  issue(facts: LeafFacts): Promise<Credentials>;
}

cryptoProvider.set(webcrypto);
let serial = 1;

/** A new authority, unrelated to all others. */
export async function createAuthority(name = 'Test Authority'): Promise<Authority> {
  const issuer = await newKeys();
  const subject = `CN=${name}`;
  const root = await X509CertificateGenerator.createSelfSigned({
    serialNumber: nextSerial(),
    name: subject,
    ...validity(false),
    signingAlgorithm: ALGORITHM,
    keys: issuer,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const issue = async (facts: LeafFacts): Promise<Credentials> => {
    const keys = await newKeys();
    const { commonNames = ['leaf'], names = [] } = facts;
    const certificate = await X509CertificateGenerator.create({
      serialNumber: nextSerial(),
      subject: commonNames.map((commonName) => ({ CN: [commonName] })),
      issuer: subject,
      ...validity(facts.expired ?? false),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: issuer.privateKey,
      extensions: [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
      ],
    });
    return { certificate: certificate.toString('pem'), key: await pemKey(keys.privateKey) };
  };
  return { certificate: root.toString('pem'), issue };
}

/** A self-signed certificate. */
export async function createSelfSigned(names: JsonGeneralNames): Promise<Credentials> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: nextSerial(),
    name: 'CN=self',
    ...validity(false),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new SubjectAlternativeNameExtension(names)],
  });
  return { certificate: certificate.toString('pem'), key: await pemKey(keys.privateKey) };
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function pemKey(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function nextSerial(): string {
  return (serial++).toString(16).padStart(4, '0');
}

function validity(expired: boolean): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return {
    notBefore: new Date(now - 10 * DAY_MS),
    notAfter: new Date(expired ? now - DAY_MS : now + 10 * DAY_MS),
  };
}
