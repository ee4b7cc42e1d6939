import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuditChainHead } from '../../core/audit/record.ts'
import { nullIfMissing } from '../../files/read-or-null.ts'
import { DeliveryMarks, MARKS, readMark, readMarksHeader } from './delivery-marks.ts'
import { readFileLines } from './lines.ts'
import { StoreDamage } from './snapshot.ts'

/** More than the first line has. */
const HEADER_BYTES = 256

/** The marks of a file, as far as it was read. */
interface MarksRead {
  readonly id: string
  readonly marks: DeliveryMarks
  /** The highest record of each line, in the order of the lines: where the marks of an earlier time ended. */
  readonly heads: AuditChainHead[]
  /** Length of the whole lines, in bytes. */
  end: number
}

/** Reads the marks of a store's folder without a lock, at first all and then what was added. */
export class MarksReader {
  private readonly folder: string
  private held: MarksRead | null = null
  private turn: Promise<unknown> = Promise.resolve()

  constructor(folder: string) {
    this.folder = folder
  }

  /** The marks by now; none where there is no file. @throws StoreDamage; LineTooLong; the system's error */
  async read(): Promise<DeliveryMarks> {
    return (await this.readFile())?.marks ?? new DeliveryMarks()
  }

  /** As `read`, with the place where they end; null where there is no file. A torn last line is left out. */
  readFile(): Promise<MarksRead | null> {
    const done = this.turn.then(() => this.readOnce())
    // The caller gets the failure; the next reading runs all the same.
    this.turn = done.catch(() => undefined)
    return done
  }

  private async readOnce(): Promise<MarksRead | null> {
    const path = join(this.folder, MARKS)
    const file = await nullIfMissing(open(path))
    if (file === null) return (this.held = null)
    try {
      const { id, end } = await readHeader(file)
      // Another id: the file was rewritten.
      const held =
        this.held?.id === id ? this.held : { id, marks: new DeliveryMarks(), heads: [], end }
      this.held = null // A reading that fails begins anew.
      for await (const line of readFileLines(path, held.end, file)) {
        if (!line.ended) break
        const mark = readMark(line.bytes, line.offset)
        held.marks.apply(mark)
        if (mark.head !== null) held.heads.push(mark.head)
        held.end = line.offset + line.bytes.length + 1
      }
      return (this.held = held)
    } finally {
      await file.close()
    }
  }
}

async function readHeader(
  file: FileHandle,
): Promise<{ readonly id: string; readonly end: number }> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0)
  const end = buffer.subarray(0, bytesRead).indexOf('\n')
  if (end < 0) throw new StoreDamage(`the first line of ${MARKS} is not a header`)
  return { id: readMarksHeader(buffer.subarray(0, end)), end: end + 1 }
}
