import neostandard from 'neostandard'
import tseslint from 'typescript-eslint'

/** Fake timers of a test runner replace these. */
const timers = [
  'setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate', 'performance'
]

export default [
  ...neostandard({
    ts: true,
    ignores: [
      'dist', 'site/dist', 'site/.vitepress/cache',
      '.build', '.build-shields-*', '.tap', 'coverage', 'artifacts', 'test/types'
    ]
  }),
  {
    rules: {
      // `void` says that a promise is not awaited on purpose.
      'no-void': 'off',
      '@stylistic/max-len': ['error', { code: 120, ignoreUrls: true, ignoreRegExpLiterals: true }]
    }
  },
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      // tap runs a test without being awaited.
      '@typescript-eslint/no-floating-promises': ['error', {
        allowForKnownSafeCalls: [
          { from: 'package', package: '@tapjs/test', name: 'test' },
          { from: 'package', package: '@tapjs/core', name: 'test' }
        ]
      }],
      '@typescript-eslint/no-misused-promises': ['error', {
        checksVoidReturn: { arguments: false, attributes: false }
      }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error'
    }
  },
  {
    files: ['lib/dashboard/assets/*.js'],
    languageOptions: {
      globals: Object.fromEntries(['CSS', 'DOMParser', 'Option', 'getSelection', 'history', 'location'].map(name =>
        [name, 'readonly']))
    }
  },
  {
    files: ['lib/**/*.ts'],
    rules: {
      'max-lines': ['error', 300],
      'max-lines-per-function': ['error', { max: 25, IIFEs: true }]
    }
  },
  {
    files: ['lib/**/*.ts'],
    ignores: ['lib/timers.ts', 'lib/cli/**', 'lib/dev/**'],
    rules: {
      'no-redeclare': 'off', // it takes an import for a second declaration of the global
      'no-restricted-globals': ['error', ...timers.map(name =>
        ({ name, message: 'Import it from lib/timers.ts: tests replace the global one.' }))],
      'no-restricted-imports': ['error', 'node:timers', 'node:timers/promises'],
      'no-restricted-properties': ['error', {
        object: 'Date',
        property: 'now',
        message: 'Of lib/timers.ts: realTime for spans, appTime for the clock that tests may set.'
      }]
    }
  }
]
