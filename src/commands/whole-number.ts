import { FfError } from '../errors.ts'

/** The whole number of an option. @throws FfError `option_invalid` */
export function wholeNumber(
  name: string,
  text: string,
  { least = 1, most }: { readonly least?: number; readonly most: number },
): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (number >= least && number <= most) return number
  throw new FfError('option_invalid', `"${text}" is no number for ${name}.`, {
    hint: `Give a whole one, ${least} to ${most}.`,
  })
}
