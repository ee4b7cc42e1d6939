import { createHash } from 'node:crypto'
import { openPlainFile, readTextLines } from '../../artefacts/lines.ts'
import { readRecord } from '../../core/audit/read-record.ts'
import type { AuditRecord } from '../../core/audit/record.ts'
import { readJson } from '../../core/json/read.ts'

/** Longer than any record: values stand in it twice. */
const MAX_LINE_BYTES = 1_048_576

/** What a file of records holds. */
export interface BatchLines {
  /** Null for a line that is no record. */
  readonly records: AsyncIterable<AuditRecord | null>
  /** SHA-256 of the lines, when they are through; of what is not as it was written another one. */
  digest(): string
}

/** Lends the records of a file; null where there is no such file. */
export async function withBatch<T>(
  path: string,
  use: (lines: BatchLines | null) => Promise<T>,
): Promise<T> {
  const file = await openPlainFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'EACCES') return null
    throw error
  })
  if (file === null) return use(null)
  const hash = createHash('sha256')
  async function* records(): AsyncGenerator<AuditRecord | null> {
    if (file === null) return
    for await (const { text = '' } of readTextLines(file, MAX_LINE_BYTES)) {
      hash.update(`${text}\n`)
      const read = readJson(text)
      yield read.ok ? readRecord(read.node) : null
    }
  }
  try {
    return await use({ records: records(), digest: () => hash.digest('hex') })
  } finally {
    await file.handle.close()
  }
}

/** SHA-256 of the bytes of a file; null where there is none. */
export const digestOf = (path: string): Promise<string | null> =>
  withBatch(path, async (lines) => {
    if (lines === null) return null
    for await (const _ of lines.records);
    return lines.digest()
  })
