import { createHash } from 'node:crypto'
import { openRegularFile, type RegularFile, readTextLines } from '../../artefacts/lines.ts'
import { parseListedRecord } from '../../core/audit/read-record.ts'
import type { AuditRecord } from '../../core/audit/record.ts'
import { parseLosslessJson } from '../../core/json/read.ts'

/** Above the longest record, which holds a value twice: before and after. */
const MAX_LINE_BYTES = 1_048_576

/** The records of a batch file, read in bounded memory. */
export interface BatchLines {
  /** Without their sink members; null for a line that is not a record. */
  readonly records: AsyncIterable<AuditRecord | null>
  /** SHA-256 of the whole file, in hexadecimal. */
  digest(): Promise<string>
}

/**
 * Opens a batch file, returns the result of `use`, and closes the file after it. `use` receives the records in the
 * order of the lines, with null for a line that is not a record or exceeds 1 MiB, and a function for the SHA-256 of
 * the whole file; it receives null instead for a path that is not a regular file, or that the system refuses to
 * open, such as a missing one.
 *
 * @throws the errors of `use`, and the system's error of a read
 */
export async function withBatch<T>(
  path: string,
  use: (lines: BatchLines | null) => Promise<T>,
): Promise<T> {
  const file = await openRegularFile(path).catch((error: unknown) => {
    if (error instanceof Error && 'syscall' in error) return null
    throw error
  })
  if (file === null) return use(null)
  try {
    return await use({ records: readRecords(file), digest: () => computeDigest(file) })
  } finally {
    await file.handle.close()
  }
}

async function* readRecords(file: RegularFile): AsyncGenerator<AuditRecord | null> {
  for await (const { text } of readTextLines(file, MAX_LINE_BYTES)) {
    const read = text === undefined ? null : parseLosslessJson(text)
    yield read?.ok === true ? parseListedRecord(read.node) : null
  }
}

async function computeDigest({ handle }: RegularFile): Promise<string> {
  const hash = createHash('sha256')
  const bytes = handle.createReadStream({ start: 0, autoClose: false }) as AsyncIterable<Buffer>
  for await (const chunk of bytes) hash.update(chunk)
  return hash.digest('hex')
}
