import { execFile } from 'node:child_process'
import { appendFile, mkdir } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const GIT_MS = 5_000

/**
 * Keeps a key file (`*.key.json`), and the public half `*.pub.json` beside it, out of the Git work tree that it is in:
 * appends both to the repository's own `info/exclude` where they are not ignored yet. That changes no file of the
 * tree, so the identity of the code stays. Does nothing outside of a work tree, without git, and where git takes
 * longer than 5 s.
 * @throws the system's errors where the file cannot be written
 */
export async function excludeFromGit(path: string): Promise<void> {
  const folder = dirname(resolve(path))
  const git = async (...args: string[]): Promise<string | null> => {
    try {
      return (await run('git', args, { cwd: folder, timeout: GIT_MS })).stdout.replace(/\n$/, '')
    } catch {
      return null // No git, no work tree, or a path that is not ignored.
    }
  }
  const name = basename(path)
  const [prefix, exclude] = [
    await git('rev-parse', '--show-prefix'),
    await git('rev-parse', '--git-path', 'info/exclude'),
  ]
  if (prefix === null || exclude === null) return
  const names = new Set([name, name.replace(/\.key\.json$/, '.pub.json')])
  const lines: string[] = []
  for (const one of names)
    if ((await git('check-ignore', '--quiet', '--', one)) === null)
      lines.push(`/${escapePattern(`${prefix}${one}`)}\n`)
  const file = resolve(folder, exclude)
  await mkdir(dirname(file), { recursive: true })
  await appendFile(file, lines.join(''))
}

/** A path as a pattern of gitignore that matches no other. */
const escapePattern = (path: string): string => path.replaceAll(/[\\*?[\]! #]/g, String.raw`\$&`)
