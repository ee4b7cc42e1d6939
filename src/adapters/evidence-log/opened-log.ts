import { access } from 'node:fs/promises'
import type { EvidenceNeeds, OpenedEvidence } from '../../ports/evidence.ts'
import { openEvidence, toWriteError } from './evidence-log.ts'
import { makeRunnerKey, readRunnerKey, toPublicPath, writePublicKey } from './runner-key.ts'

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
  const create = key.make && !(await isThere(key.path))
  const runner = create
    ? await mapErrors(key.path, makeRunnerKey(key.path))
    : await readRunnerKey(key.path)
  // A key that an earlier version made, or a person.
  if (key.make && !(await isThere(toPublicPath(key.path))))
    await mapErrors(key.path, writePublicKey(key.path, runner))
  const writer = await openEvidence(folder, runner, needs)
  return { writer, runner: { kid: runner.kid, made: create } }
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
