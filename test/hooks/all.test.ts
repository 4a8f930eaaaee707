import { runRoom } from '../support/room.ts'

await runRoom('hooks', 3)
