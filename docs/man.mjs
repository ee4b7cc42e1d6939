// Writes dist/man/man1, a page for ff and one for each command, as a part of `npm run build`: from the declarations and the
// topics of the help.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { COMMANDS } from '../dist/src/commands/declarations/index.js'
import { JSON_FLAG, takesJson } from '../dist/src/commands/declarations/row.js'
import { HELP_TOPICS } from '../dist/src/commands/help-topics.js'

const target = new URL('../dist/man/man1/', import.meta.url)
const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))

/** A text for roff: backslashes and hyphens escaped, and no control character at the begin of a line. */
const escape = (text) =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^([.'])/gm, '\\&$1')
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
const section = (title, ...lines) => [`.SH ${title}`, ...lines]
const literal = (text) => ['.nf', escape(text.trimEnd()), '.fi']

const page = ({ name, what, synopsis, sections }) =>
  [
    `.TH "${name.toUpperCase()}" 1 "" "ff ${version}" "ff"`,
    ...section('NAME', `${escape(name)} \\- ${escape(what)}`),
    ...section('SYNOPSIS', `.B ${escape(synopsis)}`),
    ...sections.flat(),
    '',
  ].join('\n')

const commands = COMMANDS.flatMap(({ noun, commands: rows }) =>
  rows.map((row) => ({ row, path: ['ff', noun, row.name].filter((word) => word !== null), noun })),
)
const toPageName = (path) => path.join('-')

function toPage({ row, path, noun }) {
  const options = [...row.options, ...(takesJson(row) ? [JSON_FLAG] : [])]
  const related = commands.filter((one) => one.noun === noun && noun !== null && one.row !== row)
  return page({
    name: toPageName(path),
    what: row.what,
    synopsis: [...path, row.arguments ?? [], options.length === 0 ? [] : '[options]']
      .flat()
      .join(' '),
    sections: [
      section('DESCRIPTION', escape(sentence(row.what))),
      options.length === 0
        ? []
        : section(
            'OPTIONS',
            ...options.flatMap(({ flags, what }) => [
              '.TP',
              `.B ${escape(flags)}`,
              escape(sentence(what)),
            ]),
          ),
      section('EXAMPLES', ...literal(row.examples.join('\n'))),
      section('EXIT STATUS', ...literal(HELP_TOPICS['exit-codes']())),
      section(
        'SEE ALSO',
        ['ff', ...related.map((one) => toPageName(one.path))]
          .map((one) => `${escape(one)}(1)`)
          .join(', '),
      ),
    ],
  })
}

const overview = page({
  name: 'ff',
  what: 'decide go or no-go for moving feature flags from a file to PostgreSQL',
  synopsis: 'ff COMMAND [options]',
  sections: [
    section(
      'COMMANDS',
      ...commands.flatMap(({ row, path }) => [
        '.TP',
        `.B ${escape(path.join(' '))}`,
        escape(sentence(row.what)),
      ]),
    ),
    ...Object.entries(HELP_TOPICS).map(([topic, toText]) =>
      section(topic.toUpperCase(), ...literal(toText())),
    ),
  ],
})

await rm(target, { recursive: true, force: true })
await mkdir(target, { recursive: true })
await writeFile(new URL('ff.1', target), overview)
for (const command of commands)
  await writeFile(new URL(`${toPageName(command.path)}.1`, target), toPage(command))
