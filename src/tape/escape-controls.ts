// Text of a stranger, made fit for a terminal.

export function escapeControls(text: string): string {
  let out = "";
  for (const char of text) {
    const code = char.codePointAt(0) as number;
    if (char === "\n") out += "\\n";
    else if (char === "\t") out += "\\t";
    else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || isBidiControl(code)) out += `\\u{${code.toString(16)}}`;
    else out += char;
  }
  return out;
}

/** The same for a text of JSON, in which the escapes are JSON's own: it has left only some characters as they are. */
export function escapeJson(json: string): string {
  let out = "";
  for (const char of json) {
    const code = char.charCodeAt(0);
    out += (code >= 0x7f && code < 0xa0) || isBidiControl(code) ? `\\u${code.toString(16).padStart(4, "0")}` : char;
  }
  return out;
}

/** Characters that reorder the text around them on a terminal (Unicode's property Bidi_Control). */
const isBidiControl = (code: number): boolean =>
  (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code === 0x061c || code === 0x200e || code === 0x200f;
