/** Celery, from Debian's packages: finds its Python and starts its processes. Their Python code is in celery/. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { projectRoot } from '../../scripts/redis.ts'
import type { Command } from '../processes.ts'

export interface Celery {
  python: string
  version: string
}

export const HOW_TO_INSTALL = 'apt-get install -y --no-install-recommends python3-celery python3-redis'

/** The pool size at which Celery was fastest on a small machine. More processes made it slower. */
export const LARGEST_POOL = 10

/** Null if no Python has Celery and its Redis client. Debian's Python is not always the first on the PATH. */
export async function findCelery (): Promise<Celery | null> {
  for (const python of ['python3', '/usr/bin/python3']) {
    const print = 'import celery, redis; print(celery.__version__)'
    const printed = promisify(execFile)(python, ['-c', print], { timeout: 20_000 })
    const version = await printed.then(({ stdout }) => stdout.trim(), () => null)
    if (version) return { python, version }
  }
  return null
}

export function celeryCommand ({ python }: Celery, role: 'producer' | 'worker', url: string): Command {
  return {
    title: `celery-${role}`,
    command: python,
    args: [join(projectRoot(), 'bench', 'peers', 'celery', `${role}.py`)],
    env: { BENCH_REDIS: `${url}/0`, PYTHONDONTWRITEBYTECODE: '1' }
  }
}
