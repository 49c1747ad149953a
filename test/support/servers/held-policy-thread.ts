// Owns a thread for tests in place of that which checks policies: it stands still in documents named `hold`, and answers others at once.
import { parentPort } from 'node:worker_threads';
import { READY } from '../../../src/api/questions/asked-thread.ts';
import type { AnswerMessage } from '../../../src/api/questions/asked-thread.ts';
import type { PolicyQuestion } from '../../../src/api/policy-thread.ts';

if (parentPort !== null) serve(parentPort);

function serve(port: NonNullable<typeof parentPort>): void {
  port.on('message', ({ texts }: PolicyQuestion) => {
    for (; texts.document === 'hold';);
    const answer = {
      texts,
      isValid: true,
      name: texts.document,
      mode: 'enforce',
      problems: [],
      warnings: [],
    };
    port.postMessage({ isAnswer: true, answer } satisfies AnswerMessage);
  });
  port.postMessage(READY);
}
