import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'

const run = promisify(execFile)
const GIT_MS = 5_000
const MOST_BYTES = 67_108_864
/** Everything but what `ff` itself writes. */
const WHERE = ['--', ':(top)', ':(top,exclude).ff']

/**
 * The commit of a folder; where something there is changed, `<commit>-dirty-<digest of the changes>`, so that two
 * states of work in progress are not the same code. Of files that git does not know only the names are in it. Null
 * where git cannot tell.
 */
export async function codeVersion(folder: string): Promise<string | null> {
  const git = async (...args: string[]): Promise<string> => {
    const options = {
      cwd: folder,
      timeout: GIT_MS,
      maxBuffer: MOST_BYTES,
      encoding: 'utf8',
    } as const
    return (await run('git', args, options)).stdout.trim()
  }
  try {
    const [commit, status] = await Promise.all([
      git('rev-parse', 'HEAD'),
      git('status', '--porcelain', ...WHERE),
    ])
    if (status === '') return commit
    const changes = status + (await git('diff', '--binary', 'HEAD', ...WHERE))
    const digest = createHash('sha256').update(changes).digest('hex').slice(0, 16)
    return `${commit}-dirty-${digest}`
  } catch {
    return null // No git, no repository, no commit: nothing is said, and nothing agrees with that.
  }
}
