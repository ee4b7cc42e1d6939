import { spawn } from 'node:child_process'

type PagerEnvironment = Readonly<Record<string, string | undefined>>

/** As git sets it: end where the text fits, keep colours, leave the text on the screen. */
const LESS = 'FRX'

/**
 * The command that shows long text: of FF_PAGER, else of PAGER, else less. Null where one of them is empty or `cat`, and on
 * a terminal that cannot move its cursor.
 */
export function choosePager({ FF_PAGER, PAGER, TERM }: PagerEnvironment): string | null {
  const command = (FF_PAGER ?? PAGER ?? 'less').trim()
  return command === '' || command === 'cat' || TERM === 'dumb' ? null : command
}

/**
 * Shows a text in a pager on the terminal of this process, by a shell, and waits until its reader ends it. Ctrl-C is
 * meant for the pager meanwhile.
 * @returns false where the shell cannot start it, so that nothing was shown
 */
export async function pageText(
  text: string,
  command: string,
  env: PagerEnvironment,
): Promise<boolean> {
  const ignore = (): void => undefined
  process.on('SIGINT', ignore)
  try {
    const child = spawn('sh', ['-c', command], {
      env: { ...env, LESS: env['LESS'] ?? LESS },
      stdio: ['pipe', 'inherit', 'inherit'],
    })
    // A reader that has seen enough closes the pipe.
    child.stdin.on('error', ignore)
    child.stdin.end(text)
    const status = await new Promise<number | null>((resolve) => {
      child.once('error', () => resolve(NOT_FOUND))
      child.once('close', resolve)
    })
    return status !== NOT_FOUND && status !== NOT_EXECUTABLE
  } finally {
    process.off('SIGINT', ignore)
  }
}
/** How a shell ends that cannot start a command. */
const [NOT_FOUND, NOT_EXECUTABLE] = [127, 126]
