/**
 * npm run fuzz: tries generated inputs with a private Redis: enqueues, handlers, HTTP requests, and garbage on channels
 * and in keys. See `usage` in arguments.ts.
 */
import { startRedis } from '../scripts/redis.ts'
import { readArguments, type Arguments } from './arguments.ts'
import { channels } from './channels.ts'
import { enqueue } from './enqueue.ts'
import { Health } from './health.ts'
import { headers } from './headers.ts'
import { http } from './http.ts'
import { longTexts } from './long-texts.ts'
import { identity, identityInMemory } from './identity.ts'
import { readers } from './readers.ts'
import { records } from './records.ts'
import { run } from './run.ts'
import { Table } from './table.ts'
import { startWatchdog, type Watchdog } from './watchdog.ts'
import { urls } from './urls.ts'
import { workers } from './workers.ts'
import { wrongTypes } from './wrong-types.ts'
import type { Area } from './area.ts'

/** The time limit: for each 1,000 inputs, and for the start. */
const LIMIT_MS = { each: 6_000, start: 240_000 }

const AREAS = [
  enqueue, workers, http, headers, urls, identity, identityInMemory, longTexts, channels, readers, records, wrongTypes
]

// A hanging attempt must not keep the process alive.
process.exit(await main().catch(error => {
  process.stderr.write(`fuzz: ${error.message}\n`)
  return 1
}))

async function main (): Promise<number> {
  const options = readArguments(process.argv.slice(2))
  process.stdout.write(`fuzz: seed ${options.seed}, ${options.runs} inputs\n`)
  const watchdog = startWatchdog(LIMIT_MS.start + options.runs / 1_000 * LIMIT_MS.each)
  const redis = await startRedis()
  try {
    const areas = AREAS.map(make => make(redis.url))
    return await runAll(areas, options, watchdog)
  } finally {
    await redis.stop()
    await watchdog.stop()
  }
}

async function runAll (areas: Area[], options: Arguments, watchdog: Watchdog): Promise<number> {
  const health = new Health()
  const table = new Table()
  const total = areas.flatMap(area => area.properties).reduce((sum, property) => sum + property.weight, 0)
  for (const area of areas) {
    const chosen = area.properties.filter(property => `${area.name}, ${property.name}`.includes(options.only))
    if (chosen.length === 0) continue
    await area.open()
    for (const property of chosen) {
      watchdog.setActivity(`${area.name}, ${property.name}`)
      const start = Date.now()
      const inputs = Math.ceil(options.runs * property.weight / total)
      const result = await run({ area, property, inputs, seed: options.seed, health })
      table.add({ area: area.name, property: property.name, ms: Date.now() - start, result })
    }
    await area.close()
  }
  return table.end()
}
