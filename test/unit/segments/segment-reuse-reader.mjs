// A thread that holds segments and reads their bytes, again and again, while another thread reuses them.

import { parentPort, workerData } from 'node:worker_threads'
import { CONTROL_BYTES } from '../../../dist/src/segments/segment-layout.js'
import { SegmentView } from '../../../dist/src/segments/segment-view.js'

const { buffers, published, stop, reader } = workerData
const views = buffers.map((buffer) => new SegmentView(buffer, reader))
/** What a segment holds says in which generation it was written. */
const patterns = Array.from({ length: 256 }, (_, byte) =>
  Buffer.alloc(views[0].bytes.length - CONTROL_BYTES, byte),
)
const seen = { held: 0, refused: 0, wrong: 0 }

parentPort.postMessage('ready')
for (let round = 0; Atomics.load(stop, 0) === 0; round++) look(round % views.length)
parentPort.postMessage(seen)

function look(at) {
  const view = views[at]
  view.generation = Atomics.load(published, at)
  if (!view.hold()) {
    seen.refused++
    return
  }
  seen.held++
  // Twice, so that there is time for a change.
  if (!isAsWritten(view) || !isAsWritten(view)) seen.wrong++
  view.release()
}

function isAsWritten({ bytes, generation }) {
  return bytes.subarray(CONTROL_BYTES).equals(patterns[generation & 255])
}
