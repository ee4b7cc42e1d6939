import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { runFf, type RunOptions } from './run-ff.ts'

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

/**
 * Runs a command of `ff` in this process, on a terminal that answers its questions from the script. Only a
 * pseudo-terminal shows what is echoed, and what a key such as Ctrl-C does.
 */
export async function onScript(
  args: readonly string[],
  script: Script,
  options: Omit<RunOptions, 'terminal'>,
): Promise<PtyRun> {
  let [screen, at] = ['', 0]
  let from = 0
  const show = (text: string): void => void (screen += text)
  /** Passes the steps whose text has appeared, up to one that types. @returns what it types; null where none does */
  const next = (): string | null => {
    for (let step = script[at]; step !== undefined; step = script[at]) {
      const found = screen.indexOf(step[0], from)
      if (found === -1) return null
      from = found + step[0].length
      at += 1
      if (step[1] !== '') return step[1].replace(/\n$/, '')
    }
    return null
  }
  const ask = (question: string): Promise<string> => {
    show(question)
    const typed = next()
    return typed === null
      ? Promise.reject(new Error(`no answer to ${question}`))
      : Promise.resolve(typed)
  }
  const { status, stdout, stderr } = await runFf(args, {
    ...options,
    terminal: { show, ask, secret: ask },
  })
  screen += stdout + stderr
  if (at < script.length) throw new Error(`"${script[at]?.[0]}" never appeared:\n${screen}`)
  return { status, screen }
}
