// Owns filters as chips. Every filter is in the address of the page, so that a list can be sent to somebody else.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { ReactElement, ReactNode } from 'react';
import { useSearchParams } from 'wouter';
import { t } from '../texts/texts.ts';
import { Field } from './field.tsx';
import { Icon } from './icon.tsx';
import { FormPop, Menu, MenuCheck, MenuGroup, MenuItem } from './menu.tsx';

/** A filter: one or several of its choices, or a text. */
export interface Filter {
  /** In the address and in the query of the API. */
  readonly key: string;
  readonly title: string;
  /** Values and their words; absent = a text. */
  readonly choices?: readonly (readonly [string, string])[];
  /** Several choices at once, with commas. */
  readonly several?: true;
  /** What to write, where it is a text. */
  readonly hint?: string;
}

/** Values of the address, and how to change them. */
export interface Filters {
  readonly values: Readonly<Record<string, string>>;
  readonly set: (key: string, value: string | null) => void;
  /** Takes all of these away, and puts others in their place. */
  readonly replace: (values: Readonly<Record<string, string>>) => void;
}

/** Reads filters from the address. */
export function useFilters(keys: readonly string[]): Filters {
  const [search, setSearch] = useSearchParams();
  const text = search.toString();
  const values = useMemo(() => {
    const read: Record<string, string> = {};
    const parameters = new URLSearchParams(text);
    for (const key of keys) {
      const value = parameters.get(key);
      if (value !== null && value !== '') read[key] = value;
    }
    return read;
  }, [text, keys]);
  const set = useCallback(
    (key: string, value: string | null) =>
      setSearch(
        (before) => {
          const next = new URLSearchParams(before);
          if (value === null || value === '') next.delete(key);
          else next.set(key, value);
          return next;
        },
        { replace: true },
      ),
    [setSearch],
  );
  const replace = useCallback(
    (wanted: Readonly<Record<string, string>>) =>
      setSearch((before) => {
        const next = new URLSearchParams(before);
        for (const key of keys) next.delete(key);
        for (const [key, value] of Object.entries(wanted)) next.set(key, value);
        return next;
      }),
    [setSearch, keys],
  );
  return { values, set, replace };
}

function wordsOf(filter: Filter, value: string): string {
  if (filter.choices === undefined) return value;
  const words = new Map(filter.choices);
  return value
    .split(',')
    .map((part) => words.get(part) ?? part)
    .join(', ');
}

function Choices({
  filter,
  value,
  set,
}: {
  filter: Filter;
  value: string;
  set: Filters['set'];
}): ReactElement {
  const chosen = value === '' ? [] : value.split(',');
  return (
    <MenuGroup title={filter.title}>
      {(filter.choices ?? []).map(([key, word]) => (
        <MenuCheck
          key={key}
          checked={chosen.includes(key)}
          onChange={(on) => {
            const others = filter.several === true ? chosen.filter((each) => each !== key) : [];
            set(filter.key, [...others, ...(on ? [key] : [])].join(','));
          }}
        >
          {word}
        </MenuCheck>
      ))}
    </MenuGroup>
  );
}

function TextForm({
  filter,
  value,
  done,
}: {
  filter: Filter;
  value: string;
  done: (value: string | null) => void;
}): ReactElement {
  const [text, setText] = useState(value);
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        done(text.trim());
      }}
    >
      <Field label={filter.title} hint={filter.hint ?? ''}>
        <input
          className="input"
          value={text}
          onChange={(event) => setText(event.target.value)}
          autoComplete="off"
        />
      </Field>
      <button className="btn primary" type="submit">
        {t.change.apply}
      </button>
    </form>
  );
}

function Chip({ filter, value, set }: { filter: Filter; value: string; set: Filters['set'] }): ReactElement {
  const [open, setOpen] = useState(false);
  const button = (
    <>
      {filter.title} <b>{wordsOf(filter, value)}</b>
    </>
  );
  return (
    <span className="chip on" data-filter={filter.key}>
      {filter.choices === undefined ? (
        <FormPop className="" title={t.list.filterBy} button={button} open={open} onOpen={setOpen}>
          <TextForm
            filter={filter}
            value={value}
            done={(next) => {
              setOpen(false);
              set(filter.key, next);
            }}
          />
        </FormPop>
      ) : (
        <Menu className="" button={button}>
          <Choices filter={filter} value={value} set={set} />
        </Menu>
      )}
      <button
        type="button"
        aria-label={t.list.removeFilter(filter.title)}
        onClick={() => set(filter.key, null)}
      >
        <Icon name="x" small />
      </button>
    </span>
  );
}

/** The chips of the filters that are on, and a button for others. */
export function FilterChips({
  filters,
  of,
  children,
}: {
  filters: Filters;
  of: readonly Filter[];
  /** Further chips. */
  children?: ReactNode;
}): ReactElement {
  const [adding, setAdding] = useState<Filter | null>(null);
  const on = of.filter(({ key }) => filters.values[key] !== undefined);
  const off = of.filter(({ key }) => filters.values[key] === undefined);
  // A button that goes away takes the focus along: it goes to the chip of this filter (null = of all), or to the button for others, once the change is drawn.
  const chips = useRef<HTMLDivElement>(null);
  const next = useRef<{ readonly key: string | null; readonly isOn: boolean } | null>(null);
  useEffect(() => {
    const { current } = next;
    if (current === null || adding !== null) return;
    const { key, isOn } = current;
    if (on.some((one) => key === null || one.key === key) !== isOn) return;
    next.current = null;
    const chip = isOn ? chips.current?.querySelector<HTMLElement>(`[data-filter="${key}"] button`) : null;
    (chip ?? chips.current?.querySelector<HTMLElement>('.chip.add button'))?.focus();
  });
  const set: Filters['set'] = (key, value) => {
    if (value === null || value === '') next.current = { key, isOn: false };
    filters.set(key, value);
  };
  return (
    <div className="chips" ref={chips}>
      {on.map((filter) => (
        <Chip key={filter.key} filter={filter} value={filters.values[filter.key] ?? ''} set={set} />
      ))}
      {children}
      {off.length === 0 ? null : (
        <span className="chip add">
          <Menu
            className=""
            button={
              <>
                <Icon name="plus" small />
                {t.list.filter}
              </>
            }
          >
            <MenuGroup title={t.list.filterBy}>
              {off.map((filter) => (
                <MenuItem key={filter.key} onPick={() => setAdding(filter)}>
                  {filter.title}
                </MenuItem>
              ))}
            </MenuGroup>
          </Menu>
        </span>
      )}
      {adding === null ? null : (
        <AddFilter
          filter={adding}
          done={(value) => {
            next.current = { key: adding.key, isOn: value !== null };
            setAdding(null);
            if (value !== null) filters.set(adding.key, value);
          }}
        />
      )}
      {on.length === 0 ? null : (
        <button
          className="btn ghost small"
          type="button"
          onClick={() => {
            next.current = { key: null, isOn: false };
            filters.replace({});
          }}
        >
          {t.list.clearAll}
        </button>
      )}
    </div>
  );
}

/** Asks for the value of a filter that is not on yet. */
function AddFilter({ filter, done }: { filter: Filter; done: (value: string | null) => void }): ReactElement {
  return (
    <span className="adding">
      {filter.choices === undefined ? (
        <FormPop
          className="btn small"
          title={t.list.filterBy}
          button={filter.title}
          open
          onOpen={(open) => {
            if (!open) done(null);
          }}
        >
          <TextForm filter={filter} value="" done={done} />
        </FormPop>
      ) : (
        // A list to walk through with keys: a change of a select would take the first choice that a key reaches.
        <Menu className="btn small" button={filter.title} onClosed={() => done(null)}>
          <MenuGroup title={filter.title}>
            {filter.choices.map(([key, word]) => (
              <MenuItem key={key} onPick={() => done(key)}>
                {word}
              </MenuItem>
            ))}
          </MenuGroup>
        </Menu>
      )}
    </span>
  );
}
