// Why a line was kept without being understood: a closed set, so that counters and the sources page can list it.

export const Reasons = {
  /** Nothing but white space. */
  empty: 'empty',
  /** No syslog envelope and no pack that knows the content. */
  noPack: 'no_pack',
  /** The input named a dataset, and no pack of it knows the line. `error.message` names the pack. */
  packMismatch: 'pack_mismatch',
  /** Begins like a JSON object and is not one. */
  invalidJson: 'invalid_json',
  /** A priority in angle brackets, and no envelope of either RFC behind it. */
  invalidSyslog: 'invalid_syslog',
  /** Longer than what patterns are given to read. */
  tooLong: 'too_long',
  /** The record's checksum on the bus does not match its bytes. */
  damagedRecord: 'damaged_record',
  /** Held a worker longer than a line may; it was stopped and the line is not tried again. */
  tooSlow: 'too_slow',
  /** More values than an event can hold. */
  tooManyFields: 'too_many_fields',
  /** A fault of ours while parsing; `error.message` has the words. */
  parserError: 'parser_error',
} as const

export type Reason = (typeof Reasons)[keyof typeof Reasons]
export const reasons: readonly Reason[] = Object.values(Reasons)
