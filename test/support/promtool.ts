import { spawnSync } from 'node:child_process'

/**
 * Puts a text to Prometheus' own checker. @returns what it has against it, empty where nothing; also where this machine has
 * none (`npm run setup:machine` brings it on Debian): whoever asks has to hold the text to something else as well
 */
export function promtoolSays(args: readonly string[], input = ''): string {
  const { error, status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  if (error !== undefined && 'code' in error && error.code === 'ENOENT') return ''
  return status === 0 ? '' : `${status}: ${stdout}${stderr}`
}
