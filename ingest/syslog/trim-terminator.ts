const LF = 0x0a
const CR = 0x0d

/**
 * A view without one CRLF, LF or NUL at the end, or the NUL before an LF: what ends a message on a stream, and what many
 * senders leave on datagrams and inside octet counts too. Everything else is the message, byte for byte.
 */
export function trimTerminator(bytes: Buffer): Buffer {
  let end = bytes.length
  if (end > 0 && bytes[end - 1] === LF) end--
  if (end > 0 && (bytes[end - 1] === CR || bytes[end - 1] === 0)) end--
  return end === bytes.length ? bytes : bytes.subarray(0, end)
}
