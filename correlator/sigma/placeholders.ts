// Lists for the `expand` modifier: a folder with one text file a list, one value a line.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'

const maxListBytes = 16 * 1024 * 1024

/**
 * `Administrators.txt` is the list for `%Administrators%`. Empty lines and lines that begin with `#` are left out; values
 * may hold wildcards. Names are found in any case.
 * @throws what the file system says, or RangeError for a list that is too large
 */
export function loadPlaceholders(folder: string): Map<string, string[]> {
  const lists = new Map<string, string[]>()
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.txt')) continue
    const path = join(folder, file)
    if (statSync(path).size > maxListBytes) throw new RangeError(`${path}: a list has at most ${maxListBytes} bytes`)
    const values = readFileSync(path, 'utf8')
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'))
    const name = basename(file, '.txt')
    lists.set(name, values)
    if (name !== name.toLowerCase()) lists.set(name.toLowerCase(), values)
  }
  return lists
}
