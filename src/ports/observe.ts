import type { ObservedMinute } from '../core/observe/minute.ts'

/** A recording that is open for appending; it holds its lock until it is closed. */
export interface RecordingWriter {
  /** Thumbprint of the runner's key. */
  readonly kid: string
  /** The last minute; null in a new recording. */
  readonly last: ObservedMinute | null
  /** Adds a minute, signed and on the disk when the promise resolves. @throws FfError `disk_full`, `evidence_unwritable` */
  append(minute: ObservedMinute): Promise<void>
  close(): Promise<void>
}

/** The verified minutes of a recording, oldest first, each with the hash of the chain so far; or why it is none. */
export type RecordingRead =
  | {
      readonly ok: true
      readonly kid: string | null
      readonly minutes: readonly ObservedMinute[]
      readonly hashes: readonly string[]
    }
  | { readonly ok: false; readonly code: RecordingFault; readonly line: number }
/**
 * `minute_malformed`: a line that is not RFC 8785 JSON of its schema. `minute_altered`: its hash does not match.
 * `chain_broken`: it does not follow the line before. `signature_invalid`: of the last line, which vouches for all.
 * `key_differs`: of another runner than the lines before.
 */
export type RecordingFault =
  | 'minute_malformed'
  | 'minute_altered'
  | 'chain_broken'
  | 'signature_invalid'
  | 'key_differs'

/** Finds whether a value matches the schema of a line. */
export type FitsMinute = (value: unknown) => boolean

/** The file of the runner's key that signs a recording. */
export interface RecordingKey {
  readonly path: string
  /** Whether a key is made where the file is missing. */
  readonly make: boolean
}
