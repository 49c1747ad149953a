// Owns the promises about illegal phase transitions: the connection closes, and the operator gets a log line.
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ClientConnection } from '../../../src/gateway/connection/client-connection.ts';
import { Deadlines } from '../../../src/gateway/io/deadlines.ts';
import { Clearance } from '../../../src/gateway/exchange/clearance.ts';
import { Exchange } from '../../../src/gateway/exchange/exchange.ts';
import { Forwarder } from '../../../src/gateway/forward/forwarder.ts';
import { GatewayCore } from '../../../src/gateway/gateway-core.ts';
import type { OnTrouble } from '../../../src/gateway/trouble.ts';
import { Balancer } from '../../../src/gateway/upstream/balancer.ts';
import { throwingAtBugs } from '../../support/checks/bugs.ts';
import { checkLeaks, closeAtEnd } from '../../support/checks/leaks.ts';
import { testSettings, verdict } from '../../support/servers/test-gateway.ts';

checkLeaks();

interface World {
  readonly connection: ClientConnection;
  readonly socket: Socket;
  readonly exchange: Exchange;
  readonly told: string[];
}

/** A connection with an exchange, in a worker that logs with `onTrouble`. */
function open(onTrouble?: OnTrouble): World {
  const told: string[] = [];
  const settings = testSettings(1);
  const core = new GatewayCore({
    settings,
    verdicts: {
      peek: () => undefined,
      decide: async () => ({ verdict: null }),
      confirm: async () => null,
      noteWipeTold: async () => false,
      acknowledgeWipe: async () => false,
      onChange: () => () => undefined,
    },
    recorder: { seen: () => undefined },
    accessLog: null,
    upstreams: new Balancer(
      settings.upstream,
      () => 0,
      () => undefined,
    ),
    deadlines: new Deadlines(() => undefined),
    lane: null,
    onTrouble: onTrouble ?? ((code) => void told.push(code)),
  });
  closeAtEnd(core);
  const socket = new Socket();
  const endpoint = {
    address: '127.0.0.1',
    port: 1,
    proto: 'http',
    transport: socket,
    certificateUser: null,
    onClosed: null,
  } as const;
  const connection = new ClientConnection(socket, core, endpoint);
  const exchange = new Exchange(0);
  connection.begin(exchange);
  return { connection, socket, exchange, told };
}

describe('an exchange with an illegal transition', () => {
  it('ends with its connection, and is reported to the operator', () => {
    const { connection, socket, exchange, told } = open();
    expect(connection.enter(exchange, 'responding')).toBe(false);
    expect(exchange.phase).toBe('reading');
    expect(exchange.error).toBe('EASGATE_ILLEGAL_TRANSITION');
    expect(socket.destroyed).toBe(true);
    expect(told).toEqual(['EASGATE_ILLEGAL_TRANSITION']);
  });

  it('throws in tests', () => {
    const { connection, socket, exchange } = open(throwingAtBugs());
    expect(() => connection.enter(exchange, 'responding')).toThrow('EASGATE_ILLEGAL_TRANSITION');
    socket.destroy();
  });
});

describe('an exchange with the clearance of another', () => {
  it('is not forwarded, and is reported to the operator', () => {
    const { connection, socket, exchange, told } = open();
    const cleared = Object.assign(new Exchange(0), {
      command: 'FolderSync',
      rootSeen: true,
      inspected: true,
      user: 'u',
      device: 'd',
      verdict: verdict('allow'),
    });
    const clearance = Clearance.for(cleared) as Clearance;
    new Forwarder(connection).forward(exchange, clearance);
    expect([exchange.error, exchange.phase]).toEqual(['EASGATE_NO_CLEARANCE', 'done']);
    expect(exchange.server).toBeNull();
    expect(told).toEqual(['EASGATE_NO_CLEARANCE']);
    socket.destroy();
  });
});
