import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const GIT_MS = 5_000

/** The commit of a folder, with `-dirty` where something in it is changed; null where git cannot tell. What `ff` writes itself does not count. */
export async function codeVersion(folder: string): Promise<string | null> {
  const git = async (...args: string[]): Promise<string> =>
    (await run('git', args, { cwd: folder, timeout: GIT_MS, encoding: 'utf8' })).stdout.trim()
  try {
    const [commit, changes] = await Promise.all([
      git('rev-parse', 'HEAD'),
      git('status', '--porcelain', '--', ':(top)', ':(top,exclude).ff'),
    ])
    return changes === '' ? commit : `${commit}-dirty`
  } catch {
    return null // No git, no repository, no commit: nothing is said, and nothing agrees with that.
  }
}
