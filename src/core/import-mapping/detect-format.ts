import type { JsonNode } from '../json/read.ts'
import { createRootEntry, findFirstEntry } from './entries.ts'

/** The places that a file of each format has; the name is that of the ready mapping. */
const FORMATS: Readonly<Record<string, readonly string[]>> = {
  flagd: ['/flags/*/variants', '/flags/*/defaultVariant'],
  flipt: ['/flags/*/key', '/flags/*/enabled', '/namespace'],
  launchdarkly: ['/flags/*/variations', '/flags/*/fallthrough'],
  configcat: ['/f/*/t', '/f/*/v'],
  flagsmith: ['/feature_states/*/feature/name'],
  unleash: ['/featureEnvironments/*/featureName', '/featureStrategies'],
  growthbook: ['/features/*/defaultValue'],
  'go-feature-flag': ['/*/variations', '/*/defaultRule'],
  'openfeature-in-memory': ['/*/variants', '/*/defaultVariant'],
}

/** The name of the ready mapping (contracts/mappings) for a document of a known format; null for any other. */
export function detectFormat(root: JsonNode): string | null {
  const file = createRootEntry(root)
  const found = Object.entries(FORMATS).find(([, places]) =>
    places.every((place) => findFirstEntry(file, place) !== undefined),
  )
  return found?.[0] ?? null
}
