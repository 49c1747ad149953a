// Owns the promise that what is remembered of deliveries is whole, however many are remembered at once.
import { expect, it } from 'vitest';
import { FeedStates } from '../../../src/app/feed-runs/feed-state.ts';
import type { FeedState } from '../../../src/app/feed-runs/feed-state.ts';
import type { ReceivedFeed } from '../../../src/app/received/received-feeds.ts';
import { Receiver } from '../../../src/app/received/receiver.ts';
import { EmbeddedStore } from '../../../src/directory/embedded/embedded-store.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

const FEED = { name: 'mdm', joinBy: null } as ReceivedFeed;

/** Remembers in memory; each write takes a few turns of the event loop, the first one the longest. */
class SlowStates extends FeedStates {
  state: Partial<FeedState> = {};
  private turns = 8;

  override async read(): Promise<FeedState> {
    return this.state as FeedState;
  }

  override async write(_name: string, state: FeedState): Promise<void> {
    for (let turn = (this.turns -= 4); turn > 0; turn--) await new Promise(setImmediate);
    this.state = state;
  }
}

it('keeps what a write before it was about to remember', async () => {
  const store = new EmbeddedStore(':memory:');
  const states = new SlowStates('');
  const receiver = new Receiver(store, states, FEED);
  const noted = receiver.noteTrigger();
  receiver.noteRefusal(new Error('a bad delivery'));
  await Promise.all([noted, receiver.close()]);
  expect(states.state).toMatchObject({ lastSuccessAt: expect.any(Number), failures: 1 });
  await store.close();
});
