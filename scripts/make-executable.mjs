// Makes the command executable in a folder of compiled code, `dist` or `.build/lib`: tsc does not.
import { chmodSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.argv[2]
if (!folder) throw new Error('usage: node scripts/make-executable.mjs <folder>')
chmodSync(join(folder, 'cli/main.js'), 0o755)
