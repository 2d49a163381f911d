// Just enough of tar to read a release of rules: regular files, ustar prefixes, GNU and pax long names.

import { gunzipSync } from 'node:zlib'

const block = 512
/** A rule release is about 2 MB packed, 12 MB unpacked; more than this is none. */
const maxUnpackedBytes = 256 * 1024 * 1024

/** @throws RangeError when it is larger than allowed or cut short, Error when it is not gzip */
export function tarGzFiles(packed: Uint8Array): { name: string; bytes: Buffer }[] {
  const tar = gunzipSync(packed, { maxOutputLength: maxUnpackedBytes })
  const files: { name: string; bytes: Buffer }[] = []
  let longName = ''
  for (let at = 0; at + block <= tar.length; ) {
    const header = tar.subarray(at, at + block)
    if (header[0] === 0) break
    const size = Number.parseInt(field(header, 124, 12), 8) || 0
    const end = at + block + size
    if (end > tar.length) throw new RangeError('the archive is cut short')
    const bytes = tar.subarray(at + block, end)
    const type = String.fromCharCode(header[156] ?? 0)
    if (type === 'L') longName = bytes.toString('utf8').replace(/\0.*$/s, '')
    else if (type === 'x') longName = /\d+ path=([^\n]*)\n/.exec(bytes.toString('utf8'))?.[1] ?? ''
    else {
      const prefix = field(header, 257, 5) === 'ustar' ? field(header, 345, 155) : ''
      const name = longName || (prefix ? `${prefix}/` : '') + field(header, 0, 100)
      longName = ''
      if (type === '0' || type === '\0') files.push({ name, bytes })
    }
    at += block + Math.ceil(size / block) * block
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : 1))
}

const field = (header: Buffer, start: number, length: number): string =>
  header
    .toString('utf8', start, start + length)
    .replace(/\0.*$/s, '')
    .trim()
