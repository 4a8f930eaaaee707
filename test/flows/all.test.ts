import { runRoom } from '../support/room.ts'

await runRoom('flows', 2)
