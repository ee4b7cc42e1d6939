import { FfError } from '../errors.ts'

/** A whole number from an option, within bounds that both count. @throws FfError `option_invalid` */
export function wholeNumber(
  name: string,
  text: string,
  [least, most]: readonly [least: number, most: number],
): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (number >= least && number <= most) return number
  throw new FfError('option_invalid', `"${text}" is no number for ${name}.`, {
    hint: `Give a whole one, from ${least} to ${most}.`,
  })
}
