import { access } from 'node:fs/promises'
import type { OpenedEvidence } from '../../ports/evidence.ts'
import { type Fits, openEvidence } from './evidence-log.ts'
import { makeRunnerKey, readRunnerKey, type SigningRunner } from './runner-key.ts'

/**
 * Opens the log of a folder for appending with the runner's key, which is created first if its file is missing and
 * `make` is set. `runner.made` tells whether it was. The log stays locked until `writer.close`.
 *
 * @throws FfError as `openEvidence`, and `runner_key_invalid` as `readRunnerKey`
 */
export async function openEvidenceLog(
  folder: string,
  {
    fits,
    key,
  }: {
    readonly fits: Fits
    readonly key: { readonly path: string; readonly make: boolean }
  },
): Promise<OpenedEvidence> {
  const create = key.make && !(await isThere(key.path))
  const runner: SigningRunner = create
    ? await makeRunnerKey(key.path)
    : await readRunnerKey(key.path)
  const writer = await openEvidence(folder, { fits, runner })
  return { writer, runner: { kid: runner.kid, made: create } }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false // Any other reason also makes the creation fail, which reports it.
  }
}
