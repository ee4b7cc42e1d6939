import type pg from 'pg'

/**
 * The settings that decide what a query prints and which rows it sees, whatever role and database say. With row_security
 * off, rows that a policy hides from this role cause an error instead of missing rows.
 */
const PINNED: Readonly<Record<string, string>> = {
  standard_conforming_strings: 'on',
  quote_all_identifiers: 'off',
  transform_null_equals: 'off',
  DateStyle: 'ISO',
  TimeZone: 'UTC',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  search_path: 'pg_catalog',
  row_security: 'off',
}
const TIMEOUTS = [
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
] as const

/**
 * The startup options (`-c name=value`, separated by blanks) that pin the settings for a whole session, after those of
 * the URL, which they override; the driver sends the timeouts itself.
 */
export const formatStartupOptions = (given: string | undefined): string =>
  [...(given === undefined ? [] : [given]), ...Object.entries(PINNED).map(toOption)].join(' ')
const toOption = ([name, value]: readonly [string, string]): string => `-c ${name}=${value}`

/**
 * The configuration without the three timeouts that a pooler may refuse at the start (statement, lock, idle in
 * transaction). Its `options`, those of the URL, stay.
 */
export const withoutStartupSettings = (config: pg.ClientConfig): pg.ClientConfig =>
  Object.fromEntries(
    Object.entries(config).filter(([name]) => !(TIMEOUTS as readonly string[]).includes(name)),
  )

/**
 * The `SET LOCAL` statements that pin settings, and the configuration's timeouts in ms (0, no limit, for a missing
 * one), until the end of a transaction, each with a semicolon before it.
 */
export const formatLocalSettings = (config: pg.ClientConfig): string =>
  [
    ...Object.entries(PINNED),
    ...TIMEOUTS.map((name) => [name, String(Number(config[name] ?? 0))] as const),
  ]
    .map(([name, value]) => `; SET LOCAL ${name} = '${value}'`)
    .join('')

/** The statements that pin for a whole session what `formatLocalSettings` pins for a transaction. */
export const formatSessionSettings = (local: string): string =>
  local.replaceAll('; SET LOCAL ', '; SET ').slice(2)
