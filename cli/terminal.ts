// What log text may do to a terminal: nothing. Control bytes are shown, never sent.

const visible: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/**
 * C0, DEL, C1, bidirectional controls and line separators as `\n`, `\x1b`, `\u202e`: an escape sequence in a log line can
 * neither move the cursor nor hide text (CVE-2020-8445 and its kin).
 */
export function safe(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, (c) => {
    const code = c.charCodeAt(0)
    return (
      visible[c] ??
      (code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`)
    )
  })
}

const useColour = process.stdout.isTTY === true && !process.env['NO_COLOR']
const paint = (code: number) => (text: string) => (useColour ? `\u001b[${code}m${text}\u001b[0m` : text)
export const dim = paint(2)
export const red = paint(31)
export const yellow = paint(33)
export const cyan = paint(36)

export const isTerminal = (): boolean => process.stdout.isTTY === true
