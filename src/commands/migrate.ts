import type { Command } from 'commander'
import { FfError } from '../errors.ts'
import type { Context } from './context.ts'
import { type ReportOptions, runReport, withReportOptions } from './run-report.ts'

interface MigrateOptions extends ReportOptions {
  readonly database?: string
  readonly to?: number
  readonly dryRun?: boolean
}

export function addMigrate(program: Command, context: Context): void {
  const migrate = program
    .command('migrate')
    .description('bring the schema ff to the contract')
    .helpGroup('Cut over:')
  const add = (name: string, what: string): Command =>
    withReportOptions(migrate.command(name).description(what))
      .option('--database <target>', 'default: env:FF_DATABASE_URL')
      .addHelpText(
        'after',
        `\nExamples:\n  $ ff migrate ${name}\n  $ ff migrate ${name} --database postgres://ff_owner@localhost/flags`,
      )
  const run = (
    command: Command,
    call: 'migrateUp' | 'migrateDown' | 'migrateStatus' | 'migrateVerify',
  ): Command =>
    command.action(async (options: MigrateOptions, self: Command) => {
      await runReport(context, self.optsWithGlobals(), async (signal) => {
        const use = await import('../app/migrate.ts')
        return use[call]({
          ...(await toRequest(context, options)),
          signal,
          to: options.to ?? null,
          dryRun: options.dryRun ?? false,
        })
      })
    })
  const withSteps = (command: Command): Command =>
    command
      .option('--to <version>', 'the version to come to', parseVersion)
      .option('--dry-run', 'print the SQL, change nothing')
  run(withSteps(add('up', 'apply what is pending')), 'migrateUp')
  run(withSteps(add('down', 'take back one migration, or down to --to')), 'migrateDown')
  run(add('status', 'what is applied, what is pending'), 'migrateStatus')
  run(add('verify', 'the live catalogue against persistence_schema.json'), 'migrateVerify')
  migrate
    .command('new <name>')
    .description('begin a migration file')
    .addHelpText(
      'after',
      '\nExamples:\n  $ ff migrate new phase_record\n  $ ff migrate new override_index',
    )
    .action(async (name: string) => {
      const { newMigration } = await import('../app/new-migration.ts')
      await context.io.stdout(`${await newMigration(context.root, name)}\n`)
      context.exit = 'ok'
    })
}

async function toRequest(context: Context, options: MigrateOptions) {
  const { env, cwd, root, adapters } = context
  const { resolveTarget } = await import('../app/targets.ts')
  const { readSettings } = await import('./settings.ts')
  const set = (await readSettings(env, cwd)).FF_DATABASE_URL.value !== null
  if (options.database === undefined && !set) {
    throw new FfError('target_invalid', 'No database was named.', {
      hint: 'Set FF_DATABASE_URL, or give --database.',
    })
  }
  return { root, database: resolveTarget(options.database ?? 'env:FF_DATABASE_URL', env), adapters }
}

function parseVersion(text: string): number {
  if (/^[0-9]{1,4}$/.test(text)) return Number(text)
  throw new FfError('option_invalid', `"${text}" is not a version.`, {
    hint: 'Versions are the numbers that migration files begin with.',
  })
}
