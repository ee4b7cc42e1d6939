import type { ChecklistItem } from './types.ts'

/** The words of an item's team command and of its control; empty for an item with a probe. */
export const listCommandWords = ({
  probe: { name, params },
}: Pick<ChecklistItem, 'probe'>): readonly string[] =>
  name === 'command' ? [params['argv'], params['control_argv']].flat().map(String) : []
