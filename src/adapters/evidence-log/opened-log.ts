import { access } from 'node:fs/promises'
import type { EvidenceNeeds, OpenedEvidence } from '../../ports/evidence.ts'
import { openEvidence, toWriteError } from './evidence-log.ts'
import {
  makeRunnerKey,
  readRunnerKey,
  type SigningRunner,
  toPublicPath,
  writePublicKey,
} from './runner-key.ts'

/**
 * Opens the log of a runner for appending. With `make`, first creates the runner's key if its file is missing, and the
 * file of its public half; `runner.made` tells whether the key was created. The log stays locked until `writer.close`.
 * @throws FfError `runner_key_invalid` and `key_file_loose` for the key, `evidence_unwritable` and `disk_full` also
 * where it cannot be created, and the others of `openEvidence`: `evidence_locked`, `evidence_unreadable`,
 * `evidence_old_form`, `evidence_untrusted`, `clock_set_back`, `trust_refused`, `backing_unavailable`
 */
export async function openEvidenceLog(
  folder: string,
  {
    key,
    ...needs
  }: EvidenceNeeds & { readonly key: { readonly path: string; readonly make: boolean } },
): Promise<OpenedEvidence> {
  const { runner, made } = await openRunnerKey(key)
  const writer = await openEvidence(folder, runner, needs)
  return { writer, runner: { kid: runner.kid, made } }
}

/**
 * Reads a runner's key. With `make`, first creates it if its file is missing, and the file of its public half.
 * @throws FfError `runner_key_invalid`, `key_file_loose`, `evidence_unwritable`, `disk_full`
 */
export async function openRunnerKey({
  path,
  make,
}: {
  readonly path: string
  readonly make: boolean
}): Promise<{ readonly runner: SigningRunner; readonly made: boolean }> {
  const made = make && !(await isThere(path))
  const runner = made ? await mapErrors(path, makeRunnerKey(path)) : await readRunnerKey(path)
  // A key that an earlier version made, or a person.
  if (make && !(await isThere(toPublicPath(path))))
    await mapErrors(path, writePublicKey(path, runner))
  return { runner, made }
}

async function mapErrors<T>(path: string, writing: Promise<T>): Promise<T> {
  try {
    return await writing
  } catch (error) {
    throw toWriteError(path, error)
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false // Any other reason also makes the creation fail, which reports it.
  }
}
