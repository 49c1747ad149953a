// Owns the queries of the sample phone, plain and base64 (MS-ASHTTP 2.2.1.1.1). Written apart from the gateway's own reader.
import { commandByName } from '../../eas/commands.ts';
import type { EasCommand } from '../../eas/commands.ts';

/** What a query tells. */
export interface QueryFacts {
  readonly command: EasCommand;
  readonly user: string;
  readonly deviceId: string;
  readonly deviceType: string;
  readonly version: string;
  /** Null = not sent: Ping. */
  readonly policyKey: string | null;
}

/** For all versions. */
export function plainQuery({ command, user, deviceId, deviceType }: QueryFacts): string {
  const names = { Cmd: command, User: user, DeviceId: deviceId, DeviceType: deviceType };
  const query = new URLSearchParams(names).toString();
  // Up to 12.1 the copy in Sent Items is asked for here; later in the body, and the name does no harm.
  return command === 'SendMail' ? `${query}&SaveInSent=T` : query;
}

const LOCALE = 0x0409;
const OPTIONS_TAG = 7;
const SAVE_IN_SENT = 1;
const USER_TAG = 8;

/** For 12.1 and later; version and policy key stand in it, not in headers. */
export function base64Query(facts: QueryFacts): string {
  const { command, user, deviceType, version, policyKey } = facts;
  const id = idBytes(facts.deviceId);
  const type = Buffer.from(deviceType);
  const name = Buffer.from(user);
  const key = Buffer.alloc(policyKey === null ? 0 : 4);
  if (policyKey !== null) key.writeUInt32LE(Number(policyKey));
  const head = Buffer.from([Number(version) * 10, commandByName(command)?.code ?? 0, 0, 0, id.length]);
  head.writeUInt16LE(LOCALE, 2);
  const parts = [head, id, Buffer.from([key.length]), key, Buffer.from([type.length]), type];
  if (command === 'SendMail') parts.push(Buffer.from([OPTIONS_TAG, 1, SAVE_IN_SENT]));
  parts.push(Buffer.from([USER_TAG, name.length]), name);
  return Buffer.concat(parts).toString('base64');
}

/** Windows clients send their 16 bytes raw; all others the text. */
function idBytes(deviceId: string): Buffer {
  return /^[0-9A-Fa-f]{32}$/.test(deviceId) ? Buffer.from(deviceId, 'hex') : Buffer.from(deviceId);
}
