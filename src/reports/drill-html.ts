import { createHash } from 'node:crypto'
import type { CutoverDrill } from '../core/report/cutover-documents.ts'
import { escapeForTerminal } from '../core/text/terminal.ts'
import { listDrillFacts, listDrillRows } from './cutover-text.ts'
import { facts, type Html, markup, table } from './html-markup.ts'
import { STYLE } from './html-style.ts'

const [WIDTH, HEIGHT, LABELS] = [960, 160, 40]

/**
 * The report of a drill as one HTML file with charts, without scripts and network requests, under a policy that forbids
 * both. Escapes every text.
 */
export function formatDrillPage(drill: CutoverDrill): string {
  const shown = escapeForTerminal(drill)
  const digest = createHash('sha256').update(STYLE).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`
  const [head = [], ...rows] = listDrillRows(shown)
  const { verdict, steps, examples } = shown
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="${policy}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>ff cutover drill: ${verdict}</title>
<style>${{ html: STYLE }}</style>
</head>
<body>
<h1 class="${CLASSES[verdict]}">Drill: ${verdict.toUpperCase()}</h1>
${facts(listDrillFacts(shown))}
<h2>Acknowledged writes and failed requests, each 250 ms</h2>
${timeline(shown)}
<h2>Seconds of each step</h2>
${bars(steps.map(({ from, to, seconds }) => ({ name: `${from} to ${to}`, value: seconds, unit: 's' })))}
<h2>Longest time without an acknowledged write</h2>
${bars(steps.map(({ from, to, write_gap_ms }) => ({ name: `${from} to ${to}`, value: write_gap_ms, unit: 'ms' })))}
<h2>Steps</h2>
${table(head, rows)}
${
  examples.length === 0
    ? ''
    : markup`<h2>Examples</h2>
<ul>
${examples.map((one) => markup`<li>${one}</li>`)}
</ul>`
}
</body>
</html>
`.html
}
const CLASSES = { pass: 'good', fail: 'bad', inconclusive: 'wait' } as const

/** A bar of writes and one of failures for each slice; a line with the phase where a step began. */
function timeline({ slices, steps }: CutoverDrill): Html {
  const most = Math.max(1, ...slices.map(({ acknowledged, failed }) => acknowledged + failed))
  const width = WIDTH / Math.max(1, slices.length)
  const sliceMs = slices[1]?.at_ms ?? 1
  const rect = (at: number, [from, count]: readonly [number, number], name: string): Html => {
    const [y, height] = [HEIGHT - ((from + count) / most) * HEIGHT, (count / most) * HEIGHT]
    return markup`<rect class="${name}" fill="currentColor" x="${round(at * width)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" />`
  }
  return markup`<svg viewBox="0 0 ${WIDTH} ${HEIGHT + LABELS}" role="img" aria-label="writes and failures over time, at most ${most} in 250 ms">
${slices.flatMap(({ acknowledged, failed }, at) => [
  rect(at, [0, acknowledged], 'good'),
  ...(failed === 0 ? [] : [rect(at, [acknowledged, failed], 'bad')]),
])}
${steps.map(({ at_ms, to }, at) => {
  const x = round((at_ms / sliceMs) * width)
  return markup`<line stroke="currentColor" x1="${x}" x2="${x}" y1="0" y2="${HEIGHT}" />
<text fill="currentColor" font-size="12" x="${x}" y="${HEIGHT + 15 + (at % 2) * 16}">${to}</text>`
})}
</svg>`
}

/** A bar for each value, with its name and number. */
function bars(
  rows: readonly { readonly name: string; readonly value: number; readonly unit: string }[],
): Html {
  const most = Math.max(...rows.map(({ value }) => value), Number.EPSILON)
  return markup`<svg viewBox="0 0 ${WIDTH} ${rows.length * ROW}" role="img" aria-label="one bar for each step">
${rows.map(
  (
    { name, value, unit },
    at,
  ) => markup`<text fill="currentColor" font-size="13" x="0" y="${at * ROW + 15}">${name}</text>
<rect class="good" fill="currentColor" x="${BARS_AT}" y="${at * ROW + 3}" width="${round((value / most) * BARS_WIDTH)}" height="${ROW - 7}" />
<text fill="currentColor" font-size="13" x="${round(BARS_AT + 6 + (value / most) * BARS_WIDTH)}" y="${at * ROW + 15}">${value} ${unit}</text>`,
)}
</svg>`
}
const [ROW, BARS_AT, BARS_WIDTH] = [22, 260, 600]

const round = (value: number): number => Math.round(value * 10) / 10
