import { escapeLine } from '../core/text/terminal.ts'
import { formatSettingsTable } from '../reports/checklist-text.ts'
import type { Invocation } from './context.ts'
import type { CONFIG_SHOW } from './declarations/options.ts'
import { printDocument } from './document.ts'
import { loadSettings } from './settings.ts'
import { formatSetting, listSettings } from './shown-settings.ts'

/**
 * `ff config show`: prints what holds for each setting, its value or its default, with its origin for `--origin`, or
 * all of it as JSON, and ends `ok`; a secret shows only whether it is set. Parses no value.
 * @throws FfError `setting_invalid` for a bad configuration file
 */
export async function runConfigShow(invocation: Invocation<typeof CONFIG_SHOW>): Promise<void> {
  const { context, options } = invocation
  const settings = listSettings(await loadSettings(context.env, context.cwd))
  const rows = settings.map((one) => ({
    name: one.name,
    shown: formatSetting(one),
    from: options.origin ? one.origin : null,
  }))
  // A path in each row would leave no room for the values.
  const path = options.origin
    ? (settings.find((one) => one.path !== undefined)?.path ?? null)
    : null
  await printDocument(invocation, {
    json: { schemaVersion: 1, settings },
    text: (width) =>
      `${formatSettingsTable(rows, width)}${path === null ? '' : `\nfile ${escapeLine(path)}\n`}`,
  })
}
