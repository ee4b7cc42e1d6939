import { join } from 'node:path'
import { readBounded } from '../../files/read-bounded.ts'
import { nullIfMissing } from '../../files/read-or-null.ts'
import { replaceFile } from '../../files/replace-file.ts'

const BOOT_ID = '/proc/sys/kernel/random/boot_id'
const MAX_BYTES = 4_096
const FORM = /^([0-9a-f-]{36}) (\d{1,16})\n$/

/**
 * The number of the record up to which a writer has compared the file with its second side first since this host was
 * started, kept beside the file for the other instances of the host. What was acknowledged before may be lost by a disk that
 * lied, so that decisions are stale until then.
 */
export class ComparedMark {
  private readonly path: string
  private known: number | null = null

  /** @param folder of the store */
  constructor(folder: string) {
    this.path = join(folder, 'cutover', 'compared')
  }

  /** Null where no writer has compared yet since the host was started. @throws the system's error */
  async read(): Promise<number | null> {
    if (this.known !== null) return this.known
    const text = await readText(this.path)
    const [, boot, seq] = FORM.exec(text ?? '') ?? []
    if (boot !== undefined && boot === (await readBootId())) this.known = Number(seq)
    return this.known
  }

  /** Notes the first comparison; a later one changes nothing. @throws the system's error */
  async note(seq: number): Promise<void> {
    if ((await this.read()) !== null) return
    const boot = await readBootId()
    // Not for the next start of the host, so that it need not outlive a power cut.
    await replaceFile(this.path, `${boot} ${seq}\n`, { mode: 0o600, durable: false })
    this.known = seq
  }
}

/** Null where there is no such file, or it is no small one. */
async function readText(path: string): Promise<string | null> {
  const read = await nullIfMissing(readBounded(path, MAX_BYTES))
  return read?.ok === true ? read.bytes.toString('utf8') : null
}
/** Names this start of the host. */
const readBootId = async (): Promise<string> => (await readText(BOOT_ID))?.trim() ?? 'unknown'
