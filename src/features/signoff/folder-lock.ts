import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { quoteForShell } from '../../core/text/quote.ts'
import { quoteError } from '../../core/text/quote-error.ts'
import { FfError } from '../../errors.ts'
import type { SignoffContext } from './context.ts'

/** Other commands hold the lock for one read and one write. */
const WAIT_MS = 5_000
const STEP_MS = 50

/**
 * Runs `work` while no other command changes the signed files of the folder, so that a file that is read in it, changed
 * and written loses nothing. The lock is `.ff/signoff.lock`; waits up to 5 s for it.
 *
 * @throws FfError `signoff_locked`, `signoff_unwritable`, `backing_unavailable`, and the errors of `work`
 */
export async function withFolderLock<T>(
  { cwd, tryLock }: Pick<SignoffContext, 'cwd' | 'tryLock'>,
  work: () => Promise<T>,
): Promise<T> {
  for (let waited = 0; waited <= WAIT_MS; waited += STEP_MS) {
    const lock = await takeLock(join(cwd, '.ff'), tryLock)
    if (lock === null) {
      await setTimeout(STEP_MS)
      continue
    }
    try {
      return await work()
    } finally {
      await lock.close()
    }
  }
  throw new FfError('signoff_locked', `Another command changes the signed files of ${cwd}.`, {
    hint: 'Wait until it has ended, then run the same command again.',
  })
}

async function takeLock(
  folder: string,
  tryLock: SignoffContext['tryLock'],
): Promise<Awaited<ReturnType<SignoffContext['tryLock']>>> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return await tryLock(join(folder, 'signoff.lock'))
  } catch (cause) {
    if (cause instanceof FfError) throw cause
    throw new FfError(
      'signoff_unwritable',
      `Cannot lock the signed files in ${folder}: ${quoteError(cause)}.`,
      { hint: `See who may write there with \`ls -la ${quoteForShell(folder)}\`.`, cause },
    )
  }
}
