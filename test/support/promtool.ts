import { spawnSync } from 'node:child_process'

/**
 * Runs Prometheus' own checker. Empty also where promtool is not installed (`npm run setup:machine` installs it on
 * Debian), so a caller has to check the text in another way as well.
 *
 * @returns the exit status and output of a failed check; empty otherwise
 */
export function promtoolSays(args: readonly string[], input = ''): string {
  const { error, status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  if (error !== undefined && 'code' in error && error.code === 'ENOENT') return ''
  return status === 0 ? '' : `${status}: ${stdout}${stderr}`
}
