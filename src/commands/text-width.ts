import type { Context } from './context.ts'

const [LEAST, MOST, ELSEWHERE] = [40, 120, 80]

/** Columns of text on stdout: those of COLUMNS, else of the terminal, from 40 to 120; 80 where neither says a number. */
export function getTextWidth({
  env,
  io,
}: Pick<Context, 'env'> & { readonly io: Pick<Context['io'], 'screenSize'> }): number {
  const { COLUMNS = '' } = env
  const columns = /^[1-9]\d{0,4}$/.test(COLUMNS) ? Number(COLUMNS) : io.screenSize()?.columns
  return columns === undefined ? ELSEWHERE : Math.min(Math.max(columns, LEAST), MOST)
}
