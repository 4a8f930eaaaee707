import { runRoom } from '../support/room.ts'

await runRoom('tasks', 2)
