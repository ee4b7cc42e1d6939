import { access } from 'node:fs/promises'
import type { EvidenceNeeds, OpenedEvidence } from '../../ports/evidence.ts'
import { openEvidence, toWriteError } from './evidence-log.ts'
import { makeRunnerKey, readRunnerKey, toPublicPath, writePublicKey } from './runner-key.ts'

/**
 * Opens the log of a runner for appending. The runner's key is created first if its file is missing and `make` is set;
 * `runner.made` tells whether it was. The log stays locked until `writer.close`.
 *
 * @throws FfError as `openEvidence`, and as `readRunnerKey`
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
