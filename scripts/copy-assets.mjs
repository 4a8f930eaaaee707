// Does what tsc leaves undone in the folder that is named (`dist`, or `.build/lib` for the tests): the Lua scripts are
// copied into it, and the command is made executable.
import { chmodSync, cpSync } from 'node:fs'
import { join } from 'node:path'

const target = process.argv[2]
if (!target) throw new Error('usage: node scripts/copy-assets.mjs <folder>')
cpSync('lib/store/redis/lua', join(target, 'store/redis/lua'), { recursive: true })
chmodSync(join(target, 'cli/main.js'), 0o755)
