// Reads event ids, as far as they tell which record an event has. Promise: a place that is told is right; where an id
// leaves it open, none is told. docs/protocol.md, "Event ids", has the format.

/** Longer ids have hundreds of partitions. Reading them for each event would cost more than their places are worth. */
const LENGTH_MAX = 2_048
const VERSION = 1

/**
 * Partition and offset of the record of an event: the one partition that moved since the event before it. null if
 * several moved, or if the id cannot be read, as one that is sealed.
 */
export function placeOf(id, previousId) {
  const position = positionOf(id)
  const previous = positionOf(previousId)
  if (position === null || (previous === null && position.size > 1)) return null
  const moved = [...position].filter(([partition, next]) => next !== previous?.get(partition))
  const [[partition, next] = []] = moved
  return moved.length === 1 && next > 0 ? { partition, offset: next - 1 } : null
}

/** Next offset by partition; null if the text is no plain id. */
export function positionOf(id, lengthMax = LENGTH_MAX) {
  if (id === '' || id.length > lengthMax) return null
  const bytes = bytesOf(id)
  if (bytes === null || bytes[0] !== VERSION) return null
  const numbers = numbersIn(bytes)
  if (numbers === null || numbers.length !== 1 + numbers[0] * 2) return null
  const position = new Map()
  for (let at = 1; at < numbers.length; at += 2) position.set(numbers[at], numbers[at + 1])
  return position
}

function bytesOf(base64url) {
  try {
    return Uint8Array.from(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')), (character) =>
      character.charCodeAt(0),
    )
  } catch {
    // Not base64url: a sealed id, or one of another server.
    return null
  }
}

/** Zigzag LEB128, after the version. Multiplied, because shifts end at 32 bits. */
function numbersIn(bytes) {
  const numbers = []
  let value = 0
  let scale = 1
  for (const byte of bytes.subarray(1)) {
    value += (byte & 0x7f) * scale
    scale *= 128
    if (byte & 0x80) continue
    numbers.push(value % 2 === 0 ? value / 2 : -(value + 1) / 2)
    value = 0
    scale = 1
  }
  return scale === 1 && numbers.length > 0 ? numbers : null
}
