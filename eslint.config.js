import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: ['dist', '.build', '.build-shields', '.tap', 'coverage', 'artifacts'] }),
  // `void` says that a promise is not waited for on purpose.
  { rules: { 'no-void': 'off' } }
]
