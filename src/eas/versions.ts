// Owns the protocol versions of EAS and what changes with them. Pure.

/** Versions a phone may speak (MS-ASHTTP 2.2.1.1.2.4). */
export type ProtocolVersion = '2.5' | '12.0' | '12.1' | '14.0' | '14.1' | '16.0' | '16.1';

const KNOWN: ReadonlySet<string> = new Set(['2.5', '12.0', '12.1', '14.0', '14.1', '16.0', '16.1']);

/** Whether `text` is exactly one known version. */
export function isProtocolVersion(text: string): text is ProtocolVersion {
  return KNOWN.has(text);
}

/** The version of a base64 query's first byte; null = unknown. */
export function versionOfByte(byte: number): ProtocolVersion | null {
  switch (byte) {
    case 121:
      return '12.1';
    case 140:
      return '14.0';
    case 141:
      return '14.1';
    case 160:
      return '16.0';
    case 161:
      return '16.1';
    default:
      return null;
  }
}

/** From 14.0 on, a refusal is a status in the WBXML body with HTTP 200; before, an HTTP status (MS-ASCMD 2.2.2). */
export function carriesStatusInBody(version: string | null): boolean {
  return version !== null && (version.startsWith('14.') || version.startsWith('16.'));
}
