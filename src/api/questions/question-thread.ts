// Owns a thread that answers questions of the admin API to the read model, one after the other: a long query delays nothing else
// waiting in the control process.
import { parentPort, workerData } from 'node:worker_threads';
import { ModelReader } from '../../directory/read-model/model-reader.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import { UserNames } from '../../identity/user-names.ts';
import { answerMessage } from './asked-thread.ts';
import { answerQuestion } from './model-questions.ts';
import type { QuestionName, QuestionOf } from './model-questions.ts';

/** What the thread is started with. */
export interface QuestionThreadData {
  /** File of the read model. */
  readonly path: string;
  /** `identity.domains`. */
  readonly domains: readonly (readonly string[])[];
}

/** A question; the next one is sent after the answer. */
export interface QuestionMessage {
  readonly name: QuestionName;
  readonly question: QuestionOf<QuestionName>;
}

if (parentPort !== null) serve(parentPort, workerData as QuestionThreadData);

function serve(port: NonNullable<typeof parentPort>, { path, domains }: QuestionThreadData): void {
  const names = new UserNames(domains);
  let reader: ModelReader | null = null;
  /** The one that is open, as long as its file is the same. */
  const openReader = (): ModelReader => {
    if (reader?.isSame() === true) return reader;
    reader?.close();
    reader = ModelReader.open(path, names);
    if (reader !== null) return reader;
    throw new ProgramError(
      'EASGATE_NO_READ_MODEL',
      'lists are not ready yet: the read model is being built; the status says how far it is',
    );
  };
  port.on('message', ({ name, question }: QuestionMessage) =>
    port.postMessage(answerMessage(() => answerQuestion(openReader(), name, question))),
  );
}
