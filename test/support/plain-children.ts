/**
 * Child processes of tests start as those of users do, without tap's module hooks: these double the time of a start.
 * Not if coverage is measured: the hooks measure it.
 */
import processOnSpawn from 'process-on-spawn'

const TAP_HOOK = /"--import=[^"]*@tapjs[^"]*"|--import=\S*@tapjs\S*/g

if (process.env._TAPJS_PROCESSINFO_COVERAGE_ === '0') {
  processOnSpawn.addListener(child => {
    const { NODE_OPTIONS = '', ...env } = child.env
    child.env = { ...env, NODE_OPTIONS: NODE_OPTIONS.replace(TAP_HOOK, '').trim() }
  })
}
