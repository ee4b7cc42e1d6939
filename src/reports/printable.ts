// What a terminal would obey, or a reader not see; newlines are the reporter's own (and those of SQL).
const UNSEEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** A value whose texts are safe to show: artefacts, rows and records come from outside. */
export function printable<T>(value: T): T
export function printable(value: unknown): unknown {
  if (typeof value === 'string') {
    return value.replaceAll(
      UNSEEN,
      (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
  }
  if (Array.isArray(value)) return value.map((one) => printable(one as unknown))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => [name, printable(held as unknown)]),
  )
}
