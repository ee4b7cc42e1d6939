import type { JsonNode } from '../json/read.ts'
import type { NameCase, SplitStep } from './types.ts'

/**
 * One part of a text; undefined for a value that is no text, and where the separator does not divide it into exactly
 * the stated number of parts, none of them empty.
 */
export function splitText({ by, part, of }: SplitStep, node: JsonNode): string | undefined {
  const parts = typeof node === 'string' ? node.split(by) : []
  return parts.length === of && !parts.includes('') ? parts[part - 1] : undefined
}

/** Writes a text in another case; two texts may become one, which the caller has to refuse. */
export const changeCase = (to: NameCase, text: string): string => CASES[to](text)

const CASES: Readonly<Record<NameCase, (text: string) => string>> = {
  lower: (text) => text.toLowerCase(),
  kebab: (text) => joinWords(text, '-'),
  snake: (text) => joinWords(text, '_'),
}

/** `newCheckoutFlow`, `New Checkout Flow`, `NEW_CHECKOUT_FLOW` and `HTTPServer` in lower-case words; dots stay. */
const joinWords = (text: string, by: string): string =>
  text
    .replaceAll(/([a-z0-9])([A-Z])/g, `$1${by}$2`)
    .replaceAll(/([A-Z])([A-Z][a-z])/g, `$1${by}$2`)
    .replaceAll(/[ _-]+/g, by)
    .toLowerCase()
