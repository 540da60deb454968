// The only way of the report's text into the document. Names, paths and messages were chosen by
// whoever ran in the process, or connected to it: they may hold markup, terminal escapes and
// characters that turn the order of their neighbours around.
//
// Everything becomes text nodes, never markup. What cannot be seen, or acts on other characters, is
// shown as an escape; letters of a script that runs from right to left keep their order among
// themselves, and do not move what stands beside them.

// Cc, Cf: control and format characters, bidi controls among them; Cs: half of a pair; Zl, Zp: line
// separators; the rest of what is drawn as nothing.
const UNSEEN = String.raw`[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]`;
const RIGHT_TO_LEFT = String.raw`[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]+`;
const PLAIN = /^[\x20-\x7e]*$/;
const unseen = new RegExp(UNSEEN, 'gu');
const special = new RegExp(`(${UNSEEN})|(${RIGHT_TO_LEFT})`, 'gu');

function escape(character: string): string {
  const code = character.codePointAt(0)!;
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u{${code.toString(16).padStart(4, '0')}}`;
}

/** For places that take no elements: titles, options, labels of the flame graph. */
export function plainText(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(special, (_, hidden?: string, run?: string) =>
    hidden !== undefined ? escape(hidden) : `\u2068${run}\u2069`,
  );
}

/** An element with a text of the report in it. */
export function data(text: string, className = ''): HTMLElement {
  const span = document.createElement('span');
  span.className = className === '' ? 'data' : `data ${className}`;
  if (PLAIN.test(text)) {
    span.textContent = text;
    return span;
  }
  let end = 0;
  for (const match of text.matchAll(special)) {
    span.append(text.slice(end, match.index));
    end = match.index + match[0].length;
    const part = document.createElement(match[1] === undefined ? 'bdi' : 'span');
    if (match[1] !== undefined) part.className = 'escape';
    part.textContent = match[1] === undefined ? match[0] : escape(match[1]);
    span.append(part);
  }
  span.append(text.slice(end));
  return span;
}

/** For copying: as it is, but for what a terminal would obey. */
export function escaped(text: string): string {
  return PLAIN.test(text) ? text : text.replace(unseen, escape);
}

type Attributes = Record<string, string | number | boolean | ((event: never) => void) | undefined>;

/** An element; `on…` are listeners, false and undefined leave an attribute away. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string | undefined | false)[]
): HTMLElementTagNameMap[K] {
  const result = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') result.addEventListener(name.slice(2), value as EventListener);
    else if (value !== undefined && value !== false)
      result.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children) if (child !== undefined && child !== false) result.append(child);
  return result;
}

export function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}

/** `1 frame`, `2 frames`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}
