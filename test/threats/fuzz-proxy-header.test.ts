// Owns the promise that, for any bytes of a trusted proxy, the mail server gets the address from a
// valid PROXY header and the bytes behind it, or nothing.
import { SocketAddress, isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GOOD_PROXY_HEADERS, proxyHeaderMutants } from '../fixtures/hostile/mutations.ts';
import { FUZZ_RUNS, FUZZ_TIMEOUT_MS } from '../support/checks/fuzz-runs.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { ok, startRawBackend } from '../support/servers/raw-backend.ts';
import type { RawBackend } from '../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request, startTestGateway } from '../support/servers/test-gateway.ts';
import type { TestGateway } from '../support/servers/test-gateway.ts';
import { Wire } from '../support/phones/wire.ts';

checkLeaksAtEnd();

let backend: RawBackend;
let gateway: TestGateway;

beforeAll(async () => {
  backend = await startRawBackend(({ connection }) => connection.socket.write(ok()));
  gateway = await startTestGateway(backend.port, { listen: { proxyProtocolFrom: ['127.0.0.1'] } });
});
afterAll(async () => {
  await gateway.close();
  await backend.close();
});

const PROXY = '127.0.0.1';
const ASK = request('FolderSync', FOLDER_SYNC, ['Connection: close']);
const V2 = '\r\n\r\n\0\r\nQUIT\n';

interface Header {
  /** The address of the client. */
  readonly address: string;
  readonly end: number;
}

/** One spelling for each address, made by Node; IPv4 within IPv6 as IPv4. */
function canonical(address: string): string {
  if (isIPv4(address)) return address;
  const text = new SocketAddress({ address, family: 'ipv6' }).address;
  return text.startsWith('::ffff:') && text.includes('.') ? text.slice('::ffff:'.length) : text;
}

/** A second implementation of proxy-protocol.txt 2.1; null = no valid header. */
function readV1(text: string): Header | null {
  const [line] = /^PROXY .*?\r\n/s.exec(text.slice(0, 107)) ?? [];
  if (line === undefined) return null;
  const end = line.length;
  if (/^PROXY UNKNOWN( .*)?\r\n$/s.test(line)) return { address: PROXY, end };
  const port = '(?:0|[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])';
  const [, family, source = '', destination = ''] =
    new RegExp(`^PROXY (TCP[46]) ([0-9a-fA-F:.]+) ([0-9a-fA-F:.]+) ${port} ${port}\r\n$`).exec(line) ?? [];
  const fits = family === 'TCP4' ? isIPv4 : isIPv6;
  return fits(source) && fits(destination) ? { address: canonical(source), end } : null;
}

/** A second implementation of proxy-protocol.txt 2.2; null = no valid header. */
function readV2(text: string): Header | null {
  const bytes = Buffer.from(text, 'latin1');
  if (!text.startsWith(V2) || bytes.length < 16) return null;
  const length = bytes.readUInt16BE(14);
  const end = 16 + length;
  // Longer headers are valid, but no proxy sends them.
  if (length > 536 || bytes.length < end) return null;
  if (bytes[12] === 0x20) return { address: PROXY, end };
  if (bytes[12] !== 0x21) return null;
  const family = bytes[13];
  if (family === 0) return { address: PROXY, end };
  const size = family === 0x11 ? 12 : family === 0x21 ? 36 : Infinity;
  let at = 16 + size;
  while (at + 3 <= end) at += 3 + bytes.readUInt16BE(at + 1);
  if (at !== end) return null;
  const source = bytes.subarray(16, size === 12 ? 20 : 32);
  return {
    address: size === 12 ? source.join('.') : canonical(source.toString('hex').replace(/.{4}(?!$)/g, '$&:')),
    end,
  };
}

const read = (text: string): Header | null => (text.startsWith('PROXY ') ? readV1(text) : readV2(text));

/** Sends the bytes in two pieces and ends the connection; returns the client addresses of the mail server's requests. */
async function play(bytes: string, cut: number): Promise<string[]> {
  backend.requests.length = 0;
  gateway.finished.length = 0;
  const wire = await Wire.open(gateway.port);
  wire.send(bytes.slice(0, cut));
  await new Promise((resolve) => setImmediate(resolve));
  wire.send(bytes.slice(cut));
  wire.end();
  await wire.until(() => wire.closed, 'the gateway to close');
  return backend.requests.map((seen) => canonical(seen.header('x-forwarded-for') ?? ''));
}

describe('any PROXY header', () => {
  it.each(GOOD_PROXY_HEADERS.map((bytes, index) => ({ index, bytes })))(
    'begins as a sound one: $index',
    async ({ bytes }) => {
      const header = read(bytes + ASK);
      expect(header?.end).toBe(bytes.length);
      expect(await play(bytes + ASK, 7)).toEqual([header?.address]);
    },
  );

  it(
    'brings its address and the bytes behind it to the mail server, or nothing at all',
    { timeout: FUZZ_TIMEOUT_MS },
    async () => {
      let passed = 0;
      let refused = 0;
      await fc.assert(
        fc.asyncProperty(proxyHeaderMutants, fc.nat(), async (mutant, cut) => {
          const bytes = mutant + ASK;
          const told = await play(bytes, cut % bytes.length);
          const header = read(bytes);
          const behind = bytes.slice(header?.end ?? 0);
          if (header === null) expect(told).toEqual([]);
          else if (behind === ASK) expect(told).toEqual([header.address]);
          // Bytes between header and request are refused, except an empty line (RFC 9112 2.2).
          else expect([[], [behind === `\r\n${ASK}` ? header.address : 'nobody']]).toContainEqual(told);
          if (told.length > 0) passed++;
          else refused++;
        }),
        { numRuns: FUZZ_RUNS },
      );
      expect(passed).toBeGreaterThan(FUZZ_RUNS / 20);
      expect(refused).toBeGreaterThan(FUZZ_RUNS / 10);
    },
  );
});
