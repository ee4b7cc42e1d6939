import type { Io } from './context.ts'

/** Prints a text on stdout, in a pager where it is longer than the terminal. @throws the error of writing stdout */
export async function printText({ page, stdout }: Io, text: string): Promise<void> {
  if (!(await page(text))) await stdout(text)
}
