import { formatJson } from '../core/text/terminal.ts'
import type { Invocation } from './context.ts'
import type { DOCUMENT } from './declarations/options.ts'
import { printText } from './print-text.ts'
import { getTextWidth } from './text-width.ts'

/** A document that is no report, in both formats. */
interface Document {
  readonly json: object
  /** @param width columns of text */
  readonly text: (width: number) => string
}
/**
 * Prints a document on stdout as text, or as indented JSON for `--format json`, and sets the exit `ok`. @throws the
 * error of writing stdout
 */
export async function printDocument(
  { context, options }: Invocation<typeof DOCUMENT>,
  { json, text }: Document,
): Promise<void> {
  const asJson = options.format === 'json'
  if (asJson) await context.io.stdout(`${formatJson(json)}\n`)
  else await printText(context.io, text(getTextWidth(context)))
  context.exit = 'ok'
}
