import { runRoom } from '../support/room.ts'

await runRoom('limits', 2)
