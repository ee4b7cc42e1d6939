import type { Invocation } from './context.ts'
import type { DOCUMENT } from './declarations/options.ts'

interface Document {
  readonly json: object
  readonly text: string
}
/** A document that is no report: as JSON it is the artefact, or the part of it, itself. */
export async function printDocument(
  { context, options }: Invocation<typeof DOCUMENT>,
  { json, text }: Document,
): Promise<void> {
  const asJson = options.format === 'json'
  await context.io.stdout(asJson ? `${JSON.stringify(json, null, 2)}\n` : text)
  context.exit = 'ok'
}
