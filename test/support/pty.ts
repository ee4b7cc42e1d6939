import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'

/** The result of a run on a pseudo-terminal. */
export interface PtyRun {
  readonly status: number | null
  /** Everything that the terminal showed. */
  readonly screen: string
}
/** Texts to wait for and the input to type after each, in order. */
export type Script = readonly (readonly [seen: string, typed: string])[]

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** Runs a program on a real pseudo-terminal (`script` of util-linux), and types the input of the script. */
export function onTerminal(
  command: readonly string[],
  script: Script,
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<PtyRun> {
  const clean = { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: tmpdir() }
  const line = command.map(quoted).join(' ')
  const child = spawn('script', ['-qefc', line, '/dev/null'], { cwd, env: { ...clean, ...env } })
  child.stdin.on('error', () => undefined) // The program can end before all input is typed.
  let [screen, from, at] = ['', 0, 0]
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text
    for (;;) {
      const step = script[at]
      const found = step === undefined ? -1 : screen.indexOf(step[0], from)
      if (step === undefined || found === -1) return
      from = found + step[0].length
      at += 1
      child.stdin.write(step[1])
    }
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => {
      if (at < script.length) reject(new Error(`"${script[at]?.[0]}" never appeared:\n${screen}`))
      else resolve({ status, screen })
    })
  })
}
