// Copies what tsc leaves behind: the Lua scripts, to the folder that is named (`dist`, or `.build/lib` for the tests).
import { cpSync } from 'node:fs'
import { join } from 'node:path'

const target = process.argv[2]
if (!target) throw new Error('usage: node scripts/copy-assets.mjs <folder>')
cpSync('lib/scripts', join(target, 'scripts'), { recursive: true })
