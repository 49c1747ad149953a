// Owns the order to wipe: nothing is chosen at first, the id is typed, the button says what it destroys.
import { useState } from 'react';
import type { ReactElement } from 'react';
import { useChange } from '../client/use-change.ts';
import { useQuery } from '../client/use-query.ts';
import { t } from '../texts/texts.ts';
import { Field } from './field.tsx';
import { Icon } from './icon.tsx';
import { Modal } from './modal.tsx';
import { ReasonField } from './reason-field.tsx';
import { ChangeTrouble } from './trouble.tsx';
import type { Target } from './use-decide.ts';

type Scope = 'account' | 'device';

/** What is missing in a typed id; null = it is the id, in any case. */
function missingText(typed: string, id: string): string | null {
  const is = typed.trim().toLowerCase();
  const wanted = id.toLowerCase();
  if (is === wanted) return null;
  return wanted.startsWith(is) ? t.change.missing(wanted.length - is.length) : t.change.different;
}

function Choice({
  scope,
  chosen,
  onChoose,
  title,
  text,
}: {
  scope: Scope;
  chosen: Scope | null;
  onChoose: (scope: Scope) => void;
  title: string;
  text: string;
}): ReactElement {
  return (
    <label className="opt">
      <input type="radio" name="scope" checked={chosen === scope} onChange={() => onChoose(scope)} />
      <span>
        <b>{title}</b>
        <br />
        <span>{text}</span>
      </span>
    </label>
  );
}

/** The dialog. `done` is called after the order is written. */
export function WipeModal({
  target,
  name,
  close,
  done,
}: {
  target: Target;
  name: string;
  close: () => void;
  done: () => void;
}): ReactElement {
  const { device, user } = target;
  const [scope, setScope] = useState<Scope | null>(null);
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const change = useChange('orderWipe');
  const plan = useQuery(
    'planWipe',
    {
      params: { device },
      query: {
        ...(user === null ? { allUsers: 'true' } : { user }),
        ...(scope === 'account' ? { accountOnly: 'true' } : {}),
      },
    },
    { enabled: scope !== null },
  );
  const missing = missingText(typed, device);
  const isReady = scope !== null && missing === null && reason.trim() !== '' && plan.data !== null;
  const order = async (): Promise<void> => {
    if (!isReady) return;
    const body = {
      confirm: typed.trim(),
      reason: reason.trim(),
      accountOnly: scope === 'account',
      ...(user === null ? { allUsers: true } : { user }),
    };
    const written = await change.send({ params: { device }, body });
    if (written === null) return;
    done();
    close();
  };
  return (
    <Modal
      title={t.decide.wipe.title(name)}
      lead={<span className="mono">{device}</span>}
      open
      onClose={close}
      onSubmit={() => void order()}
      button={
        <button className="btn danger" type="submit" disabled={!isReady || change.busy}>
          {scope === null
            ? t.decide.wipe.choose
            : scope === 'account'
              ? t.decide.wipe.buttonAccount
              : t.decide.wipe.buttonDevice}
        </button>
      }
    >
      <fieldset className="opts">
        <legend className="vh">{t.decide.wipe.what}</legend>
        {user === null ? null : (
          <Choice
            scope="account"
            chosen={scope}
            onChoose={setScope}
            title={t.decide.wipe.account(user)}
            text={t.decide.wipe.accountText}
          />
        )}
        <Choice
          scope="device"
          chosen={scope}
          onChoose={setScope}
          title={t.decide.wipe.device}
          text={t.decide.wipe.deviceText}
        />
      </fieldset>
      {scope === null ? null : (
        <div className="callout block">
          <Icon name="warn" />
          <div>
            <b>{t.decide.wipe.warningTitle}</b> {t.decide.wipe.warning}{' '}
            {plan.data === null ? '' : t.decide.wipe.concerns(plan.data.users.join(', '))}
          </div>
        </div>
      )}
      <ChangeTrouble error={scope === null ? null : plan.error} />
      <ReasonField label={t.decide.wipe.reason} value={reason} onChange={setReason} />
      <Field
        label={
          <>
            {t.change.typeToConfirm} <span className="mono">{device}</span>
          </>
        }
        hint={missing ?? t.change.matches}
      >
        <input
          className="input mono"
          value={typed}
          autoComplete="off"
          spellCheck={false}
          maxLength={128}
          onChange={(event) => setTyped(event.target.value)}
        />
      </Field>
      <ChangeTrouble error={change.error} />
    </Modal>
  );
}
