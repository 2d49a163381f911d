// Pattern files: one `NAME expression` a line, `#` comments, as Logstash reads them.

import { PipelineError } from '../../core/errors.ts'

/**
 * Reads definitions; a later one replaces an earlier one of the same name.
 * @param place file name for messages
 * @throws GROK_INVALID for a line that is not `NAME expression`
 */
export function loadPatternFile(text: string, place: string): Map<string, string> {
  const out = new Map<string, string>()
  const lines = text.split(/\r?\n/)
  lines.forEach((line, i) => {
    if (line.trim() === '' || line.trimStart().startsWith('#')) return
    const found = /^\s*([A-Za-z0-9_]+)[ \t]+(.*)$/.exec(line)
    if (!found)
      throw new PipelineError('GROK_INVALID', {
        place: `${place}:${i + 1}`,
        column: 1,
        problem: 'a definition reads NAME, a space, an expression; names have letters, digits and _',
      })
    out.set(found[1]!, found[2]!)
  })
  return out
}
