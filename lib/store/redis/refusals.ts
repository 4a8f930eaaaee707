/**
 * Why Redis refuses a connection or a call. These causes last until somebody changes the server, the user or the
 * options: so each has a name and a fix. A network that is down has none: it may be back at any time.
 */
import { withoutScript } from '../../log-limit.ts'

export interface Refusal {
  reason: string
  fix: string
}

const TLS = /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|ERR_TLS_|ERR_SSL_)/

const refusals: Array<[pattern: RegExp, reason: string, fix: string]> = [
  [/^OOM/, 'OOM', 'Redis is out of memory: raise maxmemory, or remove data'],
  [/^MISCONF/, 'MISCONF', 'Redis cannot save its data: free its disk, or see its log'],
  [/^READONLY/, 'READONLY', 'the server is a replica: connect to its master, through Sentinel or a name that follows it'],
  [/^NOREPLICAS/, 'NOREPLICAS', 'too few replicas are connected: start them, or lower min-replicas-to-write'],
  [/^NOPERM/, 'NOPERM', 'give the user of Redis the right that the error names: see "ACL user" in docs/guides/redis.md'],
  [/^(WRONGPASS|NOAUTH)|invalid password|invalid username-password/, 'AUTH', 'check user and password'],
  [/DB index is out of range/, 'DB', 'choose a database that the server has'],
  [/^LOADING/, 'LOADING', 'the server is loading its data from disk: wait'],
  [/max number of clients/, 'MAXCLIENTS', 'raise maxclients of the server, or use fewer processes or queues'],
  [/^DENIED/, 'DENIED', 'the server is in protected mode: set a password for it, or let it listen on this address'],
  [/^CLUSTERDOWN/, 'CLUSTERDOWN', 'slots of the cluster have no master: see CLUSTER INFO'],
  [/^MASTERDOWN/, 'MASTERDOWN', 'the server is a replica that has lost its master'],
  [/^BUSY/, 'BUSY', 'another client\'s script blocks the server']
]

const TLS_FIX = 'the certificate of the server is not trusted here: set tls: { ca } in the "redis" option'

/** Null if the error is no refusal, such as a connection that was lost. */
export function refusalOf (error: Error & { code?: unknown, lastNodeError?: Error }): Refusal | null {
  const { message, code }: { message: string, code?: unknown } = error.lastNodeError ?? error
  if (typeof code === 'string' && TLS.test(code)) return { reason: code, fix: TLS_FIX }
  const reply = withoutScript(message)
  const found = refusals.find(([pattern]) => pattern.test(reply))
  return found ? { reason: found[1], fix: found[2] } : null
}
