// Owns the dialogs about tokens: making one, whose secret is shown once, and revoking one.
import { useState } from 'react';
import type { ReactElement } from 'react';
import type { AnswerOf } from '../../api/contract/operations.ts';
import { ROLES } from '../../api/contract/paths.ts';
import type { Role } from '../../api/contract/paths.ts';
import { useChange } from '../client/use-change.ts';
import { number } from '../texts/format.ts';
import { t } from '../texts/texts.ts';
import { Copy } from './copy.tsx';
import { Field } from './field.tsx';
import { Modal } from './modal.tsx';
import { ChangeTrouble } from './trouble.tsx';

/** A token in the list. */
export type Token = AnswerOf<'listTokens'>['rows'][number];

const texts = t.access.form;
const DAYS = [7, 30, 90, 365];
const FIRST_DAYS = 90;

/** Makes a token. */
export function TokenForm({ close, changed }: { close: () => void; changed: () => void }): ReactElement {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [days, setDays] = useState<number | null>(FIRST_DAYS);
  const [secret, setSecret] = useState<string | null>(null);
  const change = useChange('createToken');
  if (secret !== null)
    return (
      <Modal title={texts.madeTitle} lead={texts.made} open onClose={close}>
        <Copy text={secret} />
      </Modal>
    );
  const make = async (): Promise<void> => {
    const made = await change.send({ body: { name: name.trim(), role, expiresInDays: days } });
    if (made === null) return;
    setSecret(made.secret);
    changed();
  };
  return (
    <Modal
      title={texts.title}
      open
      onClose={close}
      onSubmit={() => void make()}
      button={
        <button className="btn primary" type="submit" disabled={change.busy || name.trim() === ''}>
          {texts.button}
        </button>
      }
    >
      <Field label={texts.name} hint={texts.nameHint} error={change.error?.field('name') ?? null}>
        <input
          className="input"
          value={name}
          maxLength={100}
          onChange={(event) => setName(event.target.value)}
        />
      </Field>
      <Field label={texts.role}>
        <select className="select" value={role} onChange={(event) => setRole(event.target.value as Role)}>
          {ROLES.map((each) => (
            <option key={each} value={each}>
              {texts.roles[each]}
            </option>
          ))}
        </select>
      </Field>
      <Field label={texts.ends}>
        <select
          className="select"
          value={days ?? ''}
          onChange={(event) => setDays(event.target.value === '' ? null : Number(event.target.value))}
        >
          {DAYS.map((each) => (
            <option key={each} value={each}>
              {texts.days(number(each))}
            </option>
          ))}
          <option value="">{texts.noEnd}</option>
        </select>
      </Field>
      <ChangeTrouble error={change.error} />
    </Modal>
  );
}

/** Revokes a token. */
export function RevokeForm({
  token,
  close,
  changed,
}: {
  token: Token;
  close: () => void;
  changed: () => void;
}): ReactElement {
  const change = useChange('revokeToken');
  const revoke = async (): Promise<void> => {
    if ((await change.send({ params: { token: token.id } })) === null) return;
    changed();
    close();
  };
  return (
    <Modal
      title={t.access.revoke.title(token.name)}
      lead={t.access.revoke.lead}
      open
      onClose={close}
      onSubmit={() => void revoke()}
      button={
        <button className="btn danger" type="submit" disabled={change.busy}>
          {t.access.revoke.button}
        </button>
      }
    >
      <ChangeTrouble error={change.error} />
    </Modal>
  );
}
