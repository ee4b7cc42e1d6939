import type { JsonNode } from '../core/json/read.ts'

/** A YAML document as a node, or every place that readers of YAML take for different values, for display. */
export type YamlRead =
  | { readonly ok: true; readonly node: JsonNode }
  | { readonly ok: false; readonly problems: readonly string[] }
