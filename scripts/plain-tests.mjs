// with-redis.ts loads this into tap and its tests. tap puts module hooks into the process of each test, which take
// longer than most tests do; they serve coverage, and `tap --changed`. Without coverage they are left out here.
import module from 'node:module'

const isTest = process.env._TAPJS_PROCESSINFO_COVERAGE_ === '0'
if (isTest) {
  const { register } = module
  module.register = (specifier, ...rest) => {
    if (!String(specifier).includes('@tapjs/processinfo')) register(specifier, ...rest)
  }
  const ours = `--import=${import.meta.url}`
  process.env.NODE_OPTIONS = (process.env.NODE_OPTIONS ?? '').replace(ours, '').trim() // not for what a test starts
}
