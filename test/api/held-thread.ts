// Owns a thread for tests in place of that of the read model: it stands still in a question, as in a long query, until the test
// lets it go on.
import { parentPort, workerData } from 'node:worker_threads';
import type { AnswerMessage } from '../../src/api/questions/asked-thread.ts';
import type { QuestionMessage } from '../../src/api/questions/question-thread.ts';

/** Numbers that the test and the threads share. */
export interface HeldThreadData {
  /** [0]: 1 = threads go on. [1]: questions that were begun. [2]: those of them that are `seenPhones`. */
  readonly shared: Int32Array<SharedArrayBuffer>;
}

if (parentPort !== null) serve(parentPort, workerData as HeldThreadData);

function serve(port: NonNullable<typeof parentPort>, { shared }: HeldThreadData): void {
  port.on('message', ({ name }: QuestionMessage) => {
    for (const place of name === 'seenPhones' ? [1, 2] : [1]) {
      Atomics.add(shared, place, 1);
      Atomics.notify(shared, place);
    }
    Atomics.wait(shared, 0, 0);
    if (name === 'tiles') throw new Error('out of memory');
    port.postMessage({ isAnswer: true, answer: name } satisfies AnswerMessage);
  });
}
