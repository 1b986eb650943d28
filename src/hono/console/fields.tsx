/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";

type Labeled = {
  name: string;
  label: string;
  value?: string | null | undefined;
  /** Of a page that has several of a name. @default {name} */
  id?: string;
  hint?: string | undefined;
  /** What is wrong with the value. */
  error?: string | undefined;
};

/** A labeled text field: of one line, or with `rows` of several. */
export function TextField(
  { name, label, value, id = name, hint, error, rows, type = "text", ...rest }: Labeled & {
    rows?: number;
    type?: string;
    placeholder?: string;
    required?: boolean;
    maxlength?: number;
  },
): Child {
  const common = { id, name, ...describedBy(id, hint, error), ...rest };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {rows === undefined
        ? <input type={type} value={value ?? ""} autocomplete="off" {...common} />
        : <textarea rows={rows} spellcheck={false} {...common}>{value ?? ""}</textarea>}
      {hint && <span class="hint" id={`${id}-hint`}>{hint}</span>}
      {error && <span class="field-error" id={`${id}-error`}>{error}</span>}
    </div>
  );
}

/** A labeled choice between options, as pairs of value and text. */
export function SelectField(
  { name, label, value, options }: Omit<Labeled, "id" | "hint" | "error"> & {
    options: readonly (readonly [value: string, text: string])[];
  },
): Child {
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <select id={name} name={name}>
        {options.map(([one, text]) => (
          <option value={one} selected={one === (value ?? "")}>{text}</option>
        ))}
      </select>
    </div>
  );
}

/** What connects a field with its hint and its error, for screen readers. */
function describedBy(id: string, hint: string | undefined, error: string | undefined) {
  const ids = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return {
    ...(error !== undefined && { "aria-invalid": "true" as const }),
    ...(ids !== "" && { "aria-describedby": ids }),
  };
}
