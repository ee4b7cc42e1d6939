import { FfError } from '../errors.ts'
import type { Invocation } from './context.ts'

interface Document {
  readonly json: object
  readonly text: string
}
/** A document that is no report: as JSON it is the artefact, or the part of it, itself. */
export async function print(
  { context, options }: Invocation,
  { json, text }: Document,
): Promise<void> {
  const written: Readonly<Record<string, string>> = {
    text,
    json: `${JSON.stringify(json, null, 2)}\n`,
  }
  const format = options.format ?? 'text'
  const chosen = Object.hasOwn(written, format) ? written[format] : undefined
  if (chosen === undefined)
    throw new FfError('option_invalid', `"${format}" is no format for this command.`, {
      hint: `The formats are ${Object.keys(written).join(' and ')}.`,
    })
  await context.io.stdout(chosen)
  context.exit = 'ok'
}
