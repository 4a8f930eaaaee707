import neostandard from 'neostandard'
import tseslint from 'typescript-eslint'

export default [
  ...neostandard({
    ts: true,
    ignores: ['dist', '.build', '.build-shields-*', '.tap', 'coverage', 'artifacts', 'test/types']
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
    files: ['lib/**/*.ts'],
    rules: {
      'max-lines': ['error', 300],
      'max-lines-per-function': ['error', { max: 25, IIFEs: true }]
    }
  }
]
