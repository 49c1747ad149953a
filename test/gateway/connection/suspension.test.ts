// Owns the promise that a suspended exchange is continued in exactly one way: resumed, timed out, or ended by a disconnect.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ENDED, suspend } from '../../../src/gateway/connection/suspension.ts';
import type { Suspended } from '../../../src/gateway/connection/suspension.ts';
import { Exchange } from '../../../src/gateway/exchange/exchange.ts';
import type { ExchangePhase } from '../../../src/gateway/exchange/transitions.ts';

type Event = 'answer' | 'deadline' | 'client left' | 'change' | 'next request';

/** A connection with one exchange, whose outcome the test controls. */
class Connection implements Suspended {
  readonly first = new Exchange(0);
  exchange: Exchange | null = this.first;
  readonly ends: string[] = [];
  readonly waits: string[] = [];
  resumed = 0;
  readonly timeouts = {
    awaitAnswer: () => void this.waits.push('answer'),
    awaitPhone: () => void this.waits.push('phone'),
    halfClosed: () => void this.waits.push('half-closed'),
  };
  clientEnded = false;

  enter(exchange: Exchange, phase: ExchangePhase): boolean {
    return exchange.moveTo(phase);
  }

  resumeBody(): void {
    this.resumed++;
  }

  /** Ends the current exchange; records the outcome of the first one. */
  end(how: string): void {
    const { exchange } = this;
    if (exchange === null) return;
    if (exchange === this.first) this.ends.push(how);
    exchange.moveTo('done');
    this.exchange = null;
  }
}

describe('a suspended exchange', () => {
  it('ends in exactly one of resumed, timed out and left, whatever the order of events', async () => {
    const events = fc.array(
      fc.constantFrom<Event>('answer', 'deadline', 'client left', 'change', 'next request'),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(events, async (order) => {
        const connection = new Connection();
        const exchange = connection.first;
        const pending = Promise.withResolvers<string>();
        const outcome = suspend(connection, exchange, () => pending.promise).then((answer) => {
          if (answer !== ENDED) connection.ends.push('resumed');
          return answer;
        });
        const changed = (): void => {
          if (exchange.phase === 'asking') exchange.overtaken = true;
        };
        let answered = false;
        for (const event of [...order, 'answer' as const]) {
          if (event === 'deadline' && !answered) connection.end('timed out');
          else if (event === 'client left' && !answered) connection.end('left');
          else if (event === 'change') changed();
          // Another exchange has replaced the ended one: the answer is not for it.
          else if (event === 'next request' && connection.exchange === null)
            connection.exchange = new Exchange(1);
          else if (event === 'answer') {
            answered = true;
            pending.resolve('answer');
            await outcome;
          }
        }
        expect(connection.ends).toHaveLength(1);
        const [end] = connection.ends;
        expect((await outcome) === ENDED).toBe(end !== 'resumed');
        expect(exchange.phase).toBe(end === 'resumed' ? 'reading' : 'done');
        expect(connection.resumed).toBe(end === 'resumed' ? 1 : 0);
        expect(connection.waits).toEqual(end === 'resumed' ? ['answer', 'phone'] : ['answer']);
      }),
      { numRuns: 500 },
    );
  });

  it('gets a change of verdict that arrives while it starts to wait', async () => {
    const connection = new Connection();
    const exchange = connection.first;
    exchange.overtaken = true;
    await suspend(connection, exchange, async () => {
      expect([exchange.phase, exchange.overtaken]).toEqual(['asking', false]);
      exchange.overtaken = true;
    });
    expect(exchange.overtaken).toBe(true);
  });

  it('of a client that closed its side waits for no answer longer than that client may', async () => {
    const connection = new Connection();
    connection.clientEnded = true;
    await suspend(connection, connection.first, async () => undefined);
    expect(connection.waits).toEqual(['answer', 'half-closed', 'phone']);
  });

  it('starts no question after its end', async () => {
    const connection = new Connection();
    const exchange = connection.first;
    connection.end('left');
    let asked = 0;
    const ask = async (): Promise<void> => void asked++;
    expect(await suspend(connection, exchange, ask)).toBe(ENDED);
    expect(asked).toBe(0);
  });
});
