// Threat: a query that the lane for other paths takes for an ordinary one is Exchange ActiveSync for the mail server behind it. Readers
// here follow the sources of those servers; queries are mutated at random.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandByCode } from '../../src/eas/commands.ts';
import { asksForEas } from '../../src/gateway/pass-through/eas-query.ts';
import { matchPath } from '../../src/gateway/pass-through/paths.ts';
import { FUZZ_RUNS } from '../support/checks/fuzz-runs.ts';

type Parameters = ReadonlyMap<string, string>;

function formDecoded(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** `$_GET` of PHP (main/php_variables.c): decoded, without leading spaces, up to a NUL, the last of a name counts; arrays are left out. */
function ofPhp(query: string): Parameters {
  const found = new Map<string, string>();
  for (const pair of query.split('&')) {
    const [name = '', ...value] = pair.split('=');
    const read = (formDecoded(name).replace(/^ +/, '').split('\0', 1)[0] ?? '').replace(/[ .]/g, '_');
    if (read !== '' && !/\[.*\]/.test(read)) found.set(read, formDecoded(value.join('=')));
  }
  return found;
}

/** `Request.QueryString` of ASP.NET. */
function ofAsp(query: string): Parameters {
  const decoded = (text: string): string =>
    formDecoded(
      text.replace(/%u([0-9a-f]{4})/gi, (_escape, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      ),
    );
  return new Map(
    query
      .split('&')
      .map((pair) => [decoded(pair.split('=', 1)[0] ?? '').toLowerCase(), pair.split('=')[1] ?? '']),
  );
}

/** A command and a device id, as all servers find them in the base64 form (MS-ASHTTP 2.2.1.1.1.1). */
function begins(bytes: Buffer): boolean {
  const [, command = -1, , , length = 0] = bytes;
  return commandByCode(command) !== undefined && length > 0 && 5 + length <= bytes.length;
}

/** PHP's base64_decode, not strict. */
const loose = (text: string): Buffer => Buffer.from(text.replace(/[^A-Za-z0-9+/]/g, ''), 'base64');
const filled = (found: Parameters, ...names: string[]): boolean =>
  names.every((name) => /[A-Za-z0-9]/.test(found.get(name) ?? ''));

/** Whether the server takes a query for one of Exchange ActiveSync. */
const READERS: Readonly<Record<string, (query: string) => boolean>> = {
  // src/lib/request/request.php, utils.php
  zPush: (query) => {
    const found = ofPhp(query);
    if (found.has('Cmd')) return filled(found, 'Cmd', 'DeviceId', 'DeviceType');
    if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(query)) return false;
    const bytes = Buffer.from(query, 'base64');
    const keyAt = 5 + (bytes[4] ?? 0);
    return begins(bytes) && (bytes[keyAt + 1 + (bytes[keyAt] ?? 255)] ?? 0) > 0;
  },
  // lib/Horde/ActiveSync.php getGetVars, Utils.php decodeBase64
  horde: (query) => {
    const found = ofPhp(query);
    if (['Cmd', 'DeviceId', 'DeviceType'].some((name) => found.has(name)))
      return filled(found, 'Cmd', 'DeviceId');
    return query.length >= 10 && begins(loose(query));
  },
  // Syncroton/Server.php _getRequestParameters, and its first version
  syncroton: (query) =>
    query.includes('&') ? filled(ofPhp(query), 'Cmd', 'DeviceId') : begins(loose(query)),
  firstSyncroton: (query) => {
    const found = ofPhp(query);
    const [name = ''] = found.keys();
    return found.size === 1 ? begins(loose(name)) : filled(found, 'Cmd', 'DeviceId');
  },
  aspNet: (query) => filled(ofAsp(query), 'cmd', 'deviceid'),
  // HTML 4.01 B.2.2
  semicolons: (query) => filled(ofPhp(query.replaceAll(';', '&')), 'Cmd', 'DeviceId'),
  // ActiveSync/NSString+ActiveSync.m: behind the last question mark, in any case
  sogo: (query) => {
    const pairs = query
      .slice(query.lastIndexOf('?') + 1)
      .toUpperCase()
      .split('&');
    return ['CMD=', 'DEVICEID='].every((name) =>
      pairs.some((pair) => pair.startsWith(name) && pair.length > name.length),
    );
  },
};

const DEVICE = Buffer.from('ABC123');
const inBase64 = fc
  .tuple(
    fc.constantFrom(25, 99, 121, 141, 160),
    fc.constantFrom(0, 1, 4, 9, 18, 20),
    fc.constantFrom(
      '',
      '00',
      '0401020304',
      '050102030405',
      'c801',
      '00066950686f6e65',
      '0401020304066950686f6e65',
    ),
  )
  .map(([version, command, rest]) =>
    Buffer.concat([
      Buffer.from([version, command, 9, 4, DEVICE.length]),
      DEVICE,
      Buffer.from(rest, 'hex'),
    ]).toString('base64'),
  );
const plain = fc
  .tuple(
    fc.shuffledSubarray(['Cmd=Sync', 'DeviceId=ABC123', 'DeviceType=iPhone', 'User=alice'], { minLength: 3 }),
    fc.constantFrom('&', '&&', '&x=1&', ';'),
  )
  .map(([pairs, between]) => pairs.join(between));

const FOREIGN =
  '. ! - _ ~ * & = ? % + / | ; [ ] @ : , ( $ %2E %00 %20 %25 %3D %26 %3F %u0041 %zz &a=b =x& a Z 9'.split(
    ' ',
  );
/** Where, what, and how often; or a character that is encoded or changes its case. */
const change = fc.tuple(
  fc.nat({ max: 200 }),
  fc.oneof(fc.constantFrom(...FOREIGN), fc.constantFrom('encode', 'case')),
  fc.constantFrom(1, 1, 1, 20),
);
const changed = (query: string, [at, what, times]: readonly [number, string, number]): string => {
  const place = at % (query.length + 1);
  const character = query[place] ?? '';
  const put = (text: string, from: number): string => query.slice(0, place) + text + query.slice(from);
  if (what === 'encode' && character !== '')
    return put('%' + character.charCodeAt(0).toString(16).padStart(2, '0'), place + 1);
  if (what === 'case')
    return put(
      character === character.toLowerCase() ? character.toUpperCase() : character.toLowerCase(),
      place + 1,
    );
  return put(what.repeat(times), place);
};

describe('the lane for other paths', () => {
  it('forwards no query in which a mail server finds a command and a device', () => {
    let found = 0;
    fc.assert(
      fc.property(
        fc.oneof(inBase64, plain),
        fc.array(change, { minLength: 1, maxLength: 5 }),
        (base, changes) => {
          const query = changes.reduce(changed, base);
          const readers = Object.keys(READERS).filter((name) => READERS[name]?.(query) === true);
          if (readers.length === 0) return;
          found++;
          const open = { paths: [{ path: '/', match: 'prefix', upgrade: false }], ownPaths: [] } as const;
          const passing = readers.filter((name) => {
            // rpc.php of Horde serves Exchange ActiveSync only under such targets.
            const target = `/${name === 'horde' ? 'ActiveSync' : 'x'}?${query}`;
            return typeof matchPath(target, open) !== 'string' && !asksForEas('POST', target);
          });
          expect(passing).toEqual([]);
        },
      ),
      { numRuns: FUZZ_RUNS },
    );
    expect(found).toBeGreaterThan(FUZZ_RUNS / 10);
  });

  const token = Buffer.alloc(150, 'x').toString('hex');
  it.each([
    `/adfs/ls/?SAMLRequest=${token}&RelayState=x`,
    `/webmail/?theme=dark&token=${token}`,
    `/chat/bind?channel=S%3A0&SID=${token}`,
    `/ecp/MyGroups/PersonalGroups.svc/NewObject?ExchClientVer=15&msExchEcpCanary=${token}`,
  ])('forwards a page whose first parameter begins like a command in base64 (%#)', (target) => {
    expect(asksForEas('POST', target)).toBe(false);
  });

  it.each([
    `/horde/rpc.php?SAMLRequest=${token}&x=autodiscover/autodiscover`,
    `/horde/rpc.php?SAMLRequest=${token}&x=Microsoft-Server%2DActiveSync`,
    `/horde/rpc.php/autodiscover/?SAMLRequest=${token}&RelayState=x`,
  ])('forwards none that Horde takes for Exchange ActiveSync (%#)', (target) => {
    expect(asksForEas('POST', target)).toBe(true);
  });
});
