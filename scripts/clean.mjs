// Removes the given folders, so that a build has no file whose source was deleted.
import { rmSync } from 'node:fs'

for (const folder of process.argv.slice(2)) rmSync(folder, { recursive: true, force: true })
