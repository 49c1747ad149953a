// Owns menus and forms that open at their button: Base UI, with our looks. Escape and a click outside close them.
import { Menu as BaseMenu } from '@base-ui/react/menu';
import { Popover } from '@base-ui/react/popover';
import type { ReactElement, ReactNode } from 'react';

/** A button that opens a list of actions. */
export function Menu({
  button,
  className = 'btn',
  label,
  disabled,
  onClosed,
  children,
}: {
  button: ReactNode;
  className?: string;
  /** For readers, where the button has no text. */
  label?: string;
  disabled?: boolean;
  /** It is open from the beginning, and this is called when it closes. */
  onClosed?: () => void;
  children: ReactNode;
}): ReactElement {
  return (
    <BaseMenu.Root
      modal={false}
      defaultOpen={onClosed !== undefined}
      onOpenChangeComplete={(open) => {
        if (!open) onClosed?.();
      }}
    >
      <BaseMenu.Trigger className={className} aria-label={label} disabled={disabled}>
        {button}
      </BaseMenu.Trigger>
      <BaseMenu.Portal>
        <BaseMenu.Positioner className="popper" sideOffset={4} align="end">
          <BaseMenu.Popup className="pop">{children}</BaseMenu.Popup>
        </BaseMenu.Positioner>
      </BaseMenu.Portal>
    </BaseMenu.Root>
  );
}

/** One action of a menu; `danger` = it refuses or destroys. */
export function MenuItem({
  onPick,
  danger,
  disabled,
  children,
}: {
  onPick: () => void;
  danger?: boolean;
  disabled?: boolean;
  children: ReactNode;
}): ReactElement {
  return (
    <BaseMenu.Item
      className={danger === true ? 'item c-block' : 'item'}
      disabled={disabled ?? false}
      onClick={onPick}
    >
      {children}
    </BaseMenu.Item>
  );
}

/** One choice of a menu that stays open. */
export function MenuCheck({
  checked,
  disabled,
  onChange,
  children,
}: {
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
  children: ReactNode;
}): ReactElement {
  return (
    <BaseMenu.CheckboxItem
      className="item tick"
      checked={checked}
      disabled={disabled ?? false}
      onCheckedChange={onChange}
      closeOnClick={false}
    >
      <span className="box" aria-hidden="true" />
      {children}
    </BaseMenu.CheckboxItem>
  );
}

/** A line between groups of actions. */
export function MenuLine(): ReactElement {
  return <BaseMenu.Separator className="line" />;
}

/** A heading within a menu, with what it heads; or a sentence about it. */
export function MenuGroup({
  title,
  isSentence,
  children,
}: {
  title: string;
  isSentence?: boolean;
  children: ReactNode;
}): ReactElement {
  return (
    <BaseMenu.Group>
      <BaseMenu.GroupLabel className={isSentence === true ? 'note' : 'label'}>{title}</BaseMenu.GroupLabel>
      {children}
    </BaseMenu.Group>
  );
}

/** A button that opens a form. `open` and `onOpen` let the form close itself. */
export function FormPop({
  button,
  className = 'btn',
  label,
  title,
  open,
  onOpen,
  disabled,
  children,
}: {
  button: ReactNode;
  className?: string;
  label?: string;
  title: string;
  open: boolean;
  onOpen: (open: boolean) => void;
  disabled?: boolean;
  children: ReactNode;
}): ReactElement {
  return (
    <Popover.Root open={open} onOpenChange={(next) => onOpen(next)}>
      <Popover.Trigger className={className} aria-label={label} disabled={disabled}>
        {button}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner className="popper" sideOffset={4} align="end">
          <Popover.Popup className="pop form">
            <Popover.Title>{title}</Popover.Title>
            {children}
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}
