import { runRoom } from '../support/room.ts'

await runRoom('routes', 2)
