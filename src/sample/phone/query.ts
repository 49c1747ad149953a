// Owns the queries of the sample phone, plain and base64 (MS-ASHTTP 2.2.1.1.1). Independent of the gateway's parser.
import { commandByName } from '../../eas/commands.ts';
import type { EasCommand } from '../../eas/commands.ts';

/** The content of a query. */
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
  // Up to 12.1 this requests the copy in Sent Items; later versions request it in the body, and ignore the parameter.
  return command === 'SendMail' ? `${query}&SaveInSent=T` : query;
}

const LOCALE = 0x0409;
const OPTIONS_TAG = 7;
const SAVE_IN_SENT = 1;
const USER_TAG = 8;

/** For 12.1 and later; it contains version and policy key, which are then not sent as headers. */
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

/** The id: 16 raw bytes for Windows clients, else its text. */
function idBytes(deviceId: string): Buffer {
  return /^[0-9A-Fa-f]{32}$/.test(deviceId) ? Buffer.from(deviceId, 'hex') : Buffer.from(deviceId);
}
