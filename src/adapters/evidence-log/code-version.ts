import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'

const run = promisify(execFile)
const GIT_MS = 5_000
const MOST_BYTES = 67_108_864
/** All files but those that `ff` writes. */
const WHERE = ['--', ':(top)', ':(top,exclude).ff']

/**
 * The git commit of a folder, or `<commit>-dirty-<digest>` with uncommitted changes, so that two states of work in
 * progress differ. The digest covers the diff of tracked files and the names of untracked ones. Null without git, a
 * repository or a commit, and where git fails or takes longer than 5 s.
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
    return null // An unknown version matches no evidence.
  }
}
