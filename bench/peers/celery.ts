/** Celery, from Debian's packages: where its Python is, and how its processes are started. Its own side is in celery/. */
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

/** More processes than this make its pool slower on a small machine: it is given the size at which it is fastest. */
export const LARGEST_POOL = 10

/** Debian's Python is not always the first on the PATH. Null where none has Celery and its Redis client. */
export async function findCelery (): Promise<Celery | null> {
  for (const python of ['python3', '/usr/bin/python3']) {
    const ask = promisify(execFile)(python, ['-c', 'import celery, redis; print(celery.__version__)'], { timeout: 20_000 })
    const version = await ask.then(({ stdout }) => stdout.trim(), () => null)
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
