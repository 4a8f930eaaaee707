// The handler of the task. It runs in a thread of the worker, so it may block its event loop.
import { Jimp } from 'jimp'
import type { ThreadTask } from 'fastify-tasks'

export interface ThumbnailData { source: string, target: `${string}.png`, width: number }

export default async function thumbnail ({ source, target, width }: ThumbnailData, task: ThreadTask) {
  const picture = await Jimp.read(source)
  task.log.info({ width: picture.width, height: picture.height }, 'read the picture')
  await task.updateState('RESIZING', { from: picture.width, to: width })
  picture.resize({ w: width })
  await picture.write(target)
  return { width: picture.width, height: picture.height }
}
