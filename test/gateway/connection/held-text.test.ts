// Owns the promises about the text that held polls keep in memory.
import { expect, it } from 'vitest';
import { GateMemo } from '../../../src/gateway/access/gate.ts';
import { keepShortText } from '../../../src/gateway/connection/held-text.ts';
import { Exchange } from '../../../src/gateway/exchange/exchange.ts';
import { collector } from '../../support/checks/heap.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { answerOk, backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';
import { PING, request } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';

checkLeaks();

const POLLS = 40;
const LONG = 12_000;

it('a held poll does not keep the rest of its head', async () => {
  const backend = await backendOf(() => undefined);
  const gateway = await gatewayOf(backend);
  const liveBytes = collector();
  /** Growth of the memory in use by polls with so many more bytes in their heads. */
  const growthOf = async (padding: number): Promise<number> => {
    const [before, held] = [liveBytes(), gateway.heldPolls()];
    for (let index = 0; index < POLLS; index++) {
      const phone = await phoneOf(gateway);
      const name = String(held + index).padStart(8, '0');
      const extra = ['User-Agent: A long name of a phone/1.0', `X-Padding: ${name.repeat(padding / 8)}`];
      phone.send(request('Ping', PING, extra, `PHONE${name}`));
    }
    await until(() => gateway.heldPolls() === held + POLLS);
    // The mail server of this test keeps what it received, which is the whole head: all of it must have arrived to be forgotten.
    await until(() => backend.requests.length === POLLS);
    backend.requests.length = 0;
    for (const connection of backend.connections) connection.received = '';
    return liveBytes() - before;
  };
  await growthOf(8);
  // What else the process allocates or gives back meanwhile, such as compiled code, is in one of two; heads that are kept in both.
  const [short, long] = [await growthOf(8), await growthOf(LONG)];
  const [shortAgain, longAgain] = [await growthOf(8), await growthOf(LONG)];
  expect(Math.min(long, longAgain) - Math.max(short, shortAgain)).toBeLessThan((POLLS * LONG) / 2);
});

it('polls of one user agent share its text, and odd ones are copied', () => {
  const held = (userAgent: string | null): string | null => {
    const exchange = new Exchange(0);
    exchange.userAgent = userAgent;
    keepShortText(exchange, new GateMemo());
    return exchange.userAgent;
  };
  for (const agent of ['Apple-iPhone15C2/2107.102', 'x'.repeat(5_000), '', null])
    expect([held(agent), held(agent)]).toEqual([agent, agent]);
});

it('a connection forwards the same head after a held poll as for it', async () => {
  const backend = await backendOf(answerOk);
  const gateway = await gatewayOf(backend);
  const phone = await phoneOf(gateway);
  for (let count = 0; count < 3; count++) {
    phone.send(request('Ping', PING));
    expect((await phone.response()).status).toBe(200);
  }
  const [first = '', ...others] = backend.requests.map(({ head }) => head);
  expect(first).toMatch(
    /^POST \S+Cmd=Ping&User=\S+ HTTP\/1\.1\r\nHost: [^]*X-Forwarded-For: 127\.0\.0\.1\r\n/,
  );
  expect(others).toEqual([first, first]);
});

it('a poll keeps no text of its request once that was written', async () => {
  const backend = await backendOf(answerOk);
  const gateway = await gatewayOf(backend);
  const phone = await phoneOf(gateway);
  phone.send(request('Ping', PING));
  await phone.response();
  await until(() => gateway.finished.length === 1);
  const [{ query, upstreamLine, upstreamHead, authorization } = new Exchange(0)] = gateway.finished;
  expect({ query, upstreamLine, upstreamHead, authorization }).toEqual({
    query: null,
    upstreamLine: '',
    upstreamHead: null,
    authorization: null,
  });
});
