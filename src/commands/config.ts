import { settingsText } from '../reports/settings-text.ts'
import type { Invocation } from './context.ts'
import type { CONFIG_SHOW } from './declarations/options.ts'
import { print } from './document.ts'
import { loadSettings, settingFacts, shownValue } from './settings.ts'

/** `ff config show` */
export async function show(invocation: Invocation<typeof CONFIG_SHOW>): Promise<void> {
  const { context, options } = invocation
  const settings = settingFacts(await loadSettings(context.env, context.cwd))
  const rows = settings.map((one) => {
    const { name, origin, path } = one
    const from = path === undefined ? origin : `${origin} ${path}`
    return { name, shown: shownValue(one), from: options.origin ? from : null }
  })
  await print(invocation, {
    json: { schemaVersion: 1, settings },
    text: settingsText(rows),
  })
}
