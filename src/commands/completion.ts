import { readCompletionValues } from '../features/setup/completion-values.ts'
import { FfError } from '../errors.ts'
import type { CommandHandler } from './context.ts'
import { type CommandGroup, JSON_FLAG, takesJson } from './declarations/row.ts'
import { HELP_TOPICS } from './help-topics.ts'
import { listSchemas } from './schema.ts'
import { findNearestWord } from './settings.ts'

/** What may follow the words of a command, such as `parity run`; the empty text stands for `ff` itself. */
interface Place {
  readonly path: string
  readonly what: string
  /** The commands below it, and the values of its arguments. */
  readonly words: readonly string[]
  readonly options: readonly {
    readonly flags: string
    readonly what: string
    readonly values: readonly string[]
  }[]
}

/**
 * Makes the handler of `ff completion SHELL` for these commands: prints the script that completes commands, options, formats, items, vectors and schemas in
 * bash, zsh or fish, and ends `ok`. The ids are those of the package.
 * @throws FfError `option_invalid` for another shell, naming the nearest one; `artefact_invalid`
 */
export const createCompletion =
  (groups: readonly CommandGroup[]): CommandHandler<object> =>
  async ({ context, words }) => {
    const [shell = ''] = words
    const names = Object.keys(SHELLS)
    if (!Object.hasOwn(SHELLS, shell))
      throw new FfError('option_invalid', `There is no completion for the shell "${shell}".`, {
        hint: `Did you mean \`ff completion ${findNearestWord(shell, names)}\`? The shells are ${names.join(', ')}.`,
      })
    const places = await listPlaces(groups, context.root)
    await context.io.stdout(SHELLS[shell as keyof typeof SHELLS](places))
    context.exit = 'ok'
  }

async function listPlaces(all: readonly CommandGroup[], root: string): Promise<readonly Place[]> {
  const [{ items, vectors }, schemas] = await Promise.all([
    readCompletionValues(root),
    listSchemas(root),
  ])
  /** By the command and its argument, or its option. */
  const values: Readonly<Record<string, readonly string[]>> = {
    'checklist explain <id>': items,
    'probe explain <id>': items,
    'probe run [ids...]': items,
    'probe selftest [ids...]': items,
    'waiver new <item>': items,
    'parity run --vector <id>': vectors,
    'schema [name]': schemas,
    'completion <shell>': Object.keys(SHELLS),
  }
  const groups = all.filter(({ noun }) => noun !== null)
  const commands = all.flatMap(({ noun, commands: rows }) =>
    rows.map((row) => {
      const path = noun === null ? row.name : `${noun} ${row.name}`
      return {
        path,
        what: row.what,
        words: values[`${path} ${row.arguments ?? ''}`] ?? [],
        options: [
          ...row.options.map(({ flags, what, choices }) => ({
            flags,
            what,
            values: values[`${path} ${flags}`] ?? choices,
          })),
          ...(takesJson(row) ? [{ ...JSON_FLAG, values: [] }] : []),
        ],
      }
    }),
  )
  const top = [
    ...groups.map(({ noun }) => noun ?? ''),
    ...commands.map(({ path }) => path).filter((path) => !path.includes(' ')),
    'help',
  ]
  return [
    { path: '', what: '', words: top, options: GLOBAL },
    ...groups.map(({ noun, what, commands: rows }) => ({
      path: noun ?? '',
      what,
      words: rows.map(({ name }) => name),
      options: [],
    })),
    ...commands,
    { path: 'help', what: 'show help', words: [...top, ...Object.keys(HELP_TOPICS)], options: [] },
  ]
}

const GLOBAL = [
  '--color',
  '--no-color',
  '--debug',
  '--quiet',
  '--verbose',
  '--no-pager',
  '--version',
  '--help',
].map((flags) => ({
  flags,
  what: '',
  values: [],
}))

const toName = (flags: string): string => flags.split(' ', 1)[0] ?? flags
const takesValue = (flags: string): boolean => flags.includes(' ')
/** In single quotes, for all three shells; no word of ff holds one. */
const quote = (text: string): string => `'${text.replaceAll("'", '’')}'`

/** The two tables of bash and zsh: `at` is the command so far, `previous` the word before, `values` what may follow. */
function formatTables(places: readonly Place[]): string {
  const ofOptions = places.flatMap(({ path, options }) =>
    options
      .filter(({ flags }) => takesValue(flags))
      .map(
        ({ flags, values }) =>
          `    ${quote(`${path} ${toName(flags)}`)}) values=${quote(values.join(' '))} ;;`,
      ),
  )
  const ofPlaces = places.map(({ path, words, options }) => {
    const all = [...words, ...options.map(({ flags }) => toName(flags))]
    return `      ${quote(path)}) values=${quote(all.join(' '))} ;;`
  })
  return [
    '  case "$at $previous" in',
    ...ofOptions,
    '    *) case "$at" in',
    ...ofPlaces,
    '    esac ;;',
    '  esac',
  ].join('\n')
}

const listPaths = (places: readonly Place[], between: string): string =>
  places
    .filter(({ path }) => path !== '')
    .map(({ path }) => quote(path))
    .join(between)

/** The walk along the words so far, in bash and zsh. */
const formatWalk = (places: readonly Place[], words: string): string =>
  `  for word in ${words}; do
    case "\${at:+$at }$word" in
      ${listPaths(places, '|')}) at="\${at:+$at }$word" ;;
    esac
  done`

const formatBash = (places: readonly Place[]): string => `# Completion of ff for bash.
_ff() {
  local at='' word values='' current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
${formatWalk(places, '"${COMP_WORDS[@]:1:COMP_CWORD-1}"')}
${formatTables(places)}
  mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
}
complete -o default -F _ff ff
`

const formatZsh = (places: readonly Place[]): string => `#compdef ff
# Completion of ff for zsh.
_ff() {
  local at='' word values='' previous=\${words[CURRENT - 1]}
${formatWalk(places, '"${(@)words[2,CURRENT-1]}"')}
${formatTables(places)}
  if [ -n "$values" ]; then compadd -- \${=values}; else _files; fi
}
compdef _ff ff
`

const formatFish = (places: readonly Place[]): string => {
  const lines = places.flatMap(({ path, words, options }) => {
    const where = `complete -c ff -n "__ff_at ${quote(path)}"`
    const below = (word: string): string =>
      places.find((one) => one.path === `${path} ${word}`.trim())?.what ?? ''
    return [
      ...words.map((word) => `${where} -f -a ${quote(word)} -d ${quote(below(word))}`),
      ...options.map(({ flags, what, values }) => {
        const value = values.length > 0 ? ` -x -a ${quote(values.join(' '))}` : ' -r'
        const takes = takesValue(flags) ? value : ''
        return `${where} -l ${toName(flags).slice(2)}${takes} -d ${quote(what)}`
      }),
    ]
  })
  return `# Completion of ff for fish.
function __ff_at
  set -l at ''
  for word in (commandline -opc)[2..-1]
    switch (string trim -- "$at $word")
      case ${listPaths(places, ' ')}
        set at (string trim -- "$at $word")
    end
  end
  test "$at" = "$argv[1]"
end
${lines.join('\n')}
`
}

/** The script of each shell. To add a shell, add its line. */
const SHELLS = { bash: formatBash, zsh: formatZsh, fish: formatFish } as const
