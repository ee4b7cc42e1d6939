/** A node of `EXPLAIN (FORMAT JSON)`, as far as it matters here. */
export interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly Plans?: readonly PlanNode[]
}
/** The first column of each index, by the index's name. */
export type LeadingColumns = ReadonlyMap<string, string>

/**
 * Tables that a plan reads from end to end, and indexes that it does: an index is of use where the condition
 * is on its first column.
 */
export function findFullReads(node: PlanNode, leading: LeadingColumns): readonly string[] {
  const below = (node.Plans ?? []).flatMap((one) => findFullReads(one, leading))
  const table = node['Relation Name']
  if (node['Node Type'].endsWith('Seq Scan') && table !== undefined) return [table, ...below]
  const index = node['Index Name']
  if (index === undefined) return below
  const column = leading.get(index)
  const wanted = node['Index Cond'] ?? ''
  const used = column !== undefined && new RegExp(`\\b${column}\\b`).test(wanted)
  return used ? below : [index, ...below]
}
