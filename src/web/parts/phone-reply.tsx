// Owns the panel of what the phone gets: the message as it shows it, in each language, or the answers to its commands.
import { useState } from 'react';
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { t } from '../texts/texts.ts';
import { Icon } from './icon.tsx';
import { Panel } from './panel.tsx';

type Reply = AnswerOf<'explainAccess'>['reply'];
type Message = Reply['messages'][number];

const texts = t.device.reply;

/** The paragraphs of the plain text: an empty line ends one. */
function paragraphsOf(text: string): readonly string[] {
  return text
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.trim())
    .filter((paragraph) => paragraph !== '');
}

/** The user may write from right to left: the browser sees that by the text. */
function PhoneMessage({ message }: { message: Message }): ReactElement {
  return (
    <div className="stage">
      <div className="phone" role="group" aria-label={texts.asShown} lang={message.language} dir="auto">
        <div className="mb">
          <Icon name="left" small />
          <span>{texts.inbox}</span>
          <span className="push">{texts.oneMessage}</span>
        </div>
        <article>
          <p className="sm t2">{message.from}</p>
          <h3>{message.subject}</h3>
          {paragraphsOf(message.text).map((paragraph) => (
            <p key={paragraph} className="lines">
              {paragraph}
            </p>
          ))}
        </article>
      </div>
    </div>
  );
}

/** The panel. */
export function PhoneReply({ reply }: { reply: Reply }): ReactElement {
  const [language, setLanguage] = useState<string | null>(null);
  const { kind, messages, answers } = reply;
  const message = messages.find((one) => one.language === language) ?? messages[0] ?? null;
  const choice =
    messages.length < 2 ? null : (
      <div className="seg push" role="group" aria-label={texts.language}>
        {messages.map((one) => (
          <button
            key={one.language}
            type="button"
            aria-pressed={one === message}
            onClick={() => setLanguage(one.language)}
          >
            {one.language}
          </button>
        ))}
      </div>
    );
  return (
    <Panel id="reply" title={texts.title} mark={choice}>
      <p className="body t2">{texts.kinds[kind]}</p>
      {message === null ? null : <PhoneMessage message={message} />}
      {answers.length === 0 ? null : (
        <div className="body top">
          <dl className="kv">
            {answers.map(({ command, http, status }) => (
              <div key={command} className="pair">
                <dt>{command}</dt>
                <dd>{texts.answer(http, status)}</dd>
              </div>
            ))}
          </dl>
        </div>
      )}
    </Panel>
  );
}
