import { randomUUID } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createFile, syncFolder } from '../../files/replace-file.ts'
import { formatRedrive, readRedrive } from './delivery-marks.ts'

const REQUEST = /^redrive-[0-9a-f-]{36}\.ndjson$/

/** A request to the process that holds the lock of the marks: whose failed records to send again, null for all. */
export interface RedriveRequest {
  readonly name: string
  readonly target: string | null
}

/** Leaves a request in the folder; it is on the disk when this resolves. @throws the system's error */
export const leaveRedrive = (folder: string, target: string | null): Promise<void> =>
  createFile(join(folder, `redrive-${randomUUID()}.ndjson`), formatRedrive(target), { mode: 0o600 })

/** The requests of a folder that are whole. @throws StoreDamage; the system's error */
export async function listRedrives(folder: string): Promise<readonly RedriveRequest[]> {
  const requests: RedriveRequest[] = []
  for (const name of (await readdir(folder)).filter((one) => REQUEST.test(one))) {
    const target = readRedrive(await readFile(join(folder, name)))
    // It is being written.
    if (target !== undefined) requests.push({ name, target })
  }
  return requests
}

/** Removes requests that were met. @throws the system's error */
export async function removeRedrives(
  folder: string,
  requests: readonly RedriveRequest[],
): Promise<void> {
  for (const { name } of requests) await rm(join(folder, name), { force: true })
  if (requests.length > 0) await syncFolder(folder)
}
