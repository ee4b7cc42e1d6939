import { writeFile } from 'node:fs/promises'
import type { History } from '../support/history.ts'

/** What became of the kills at one point. */
export interface Outcome {
  readonly point: string
  readonly kills: number
  /** Of the kills, after how many the step that was under way stood. */
  readonly stood: number
  /** Commands that it took until the phase was settled, at most. */
  readonly commands: number
  /** Longest time without an acknowledged write, in milliseconds. */
  readonly silenceMs: number
}

const HEAD = ['point', 'kills', 'the step stood', 'commands at most', 'longest silence, ms']

/**
 * Writes what `npm run crash` found.
 *
 * @param seen `writes`: those that were acknowledged, each of which was kept
 */
export async function writeResults(
  outcomes: readonly Outcome[],
  { writes, history }: { readonly writes: number; readonly history: History },
): Promise<void> {
  const rows = outcomes.map((one) => [
    one.point,
    one.kills,
    one.stood,
    one.commands,
    Math.round(one.silenceMs),
  ])
  const table = [HEAD, HEAD.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  const kills = outcomes.reduce((sum, one) => sum + one.kills, 0)
  const text = `# What \`npm run crash\` found

Written by it: ${kills} kills under load, with ${writes} acknowledged writes. Each of them was kept at every instance, and after
each kill the commands that \`ff cutover status\` names led to a settled phase. The writes and ${history.reads} reads of rows are
linearisable per row, and none of ${history.decisions} decisions without a mark is older than one that the same instance gave, or
than a change that it acknowledged, before.

${table.join('\n')}
`
  await writeFile(new URL('RESULTS.md', import.meta.url), text)
}
