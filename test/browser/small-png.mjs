// Makes a PNG smaller, without changing a pixel. Chromium compresses quickly rather than well, and filters each line
// for photographs: what is drawn of flat colours and text is smaller unfiltered. https://www.w3.org/TR/png-3/

import { crc32, deflateSync, inflateSync } from 'node:zlib'

const SIGNATURE_BYTES = 8
/** Length and type before a chunk's data, a checksum behind it. */
const CHUNK_BYTES = 12
const BYTES_PER_PIXEL = { 2: 3, 6: 4 }

/** Of 8 bits a channel, with or without transparency, as Chromium makes it. */
export function smallPng(png) {
  const chunks = chunksOf(png)
  const header = chunks.find(({ type }) => type === 'IHDR').data
  const pixelBytes = BYTES_PER_PIXEL[header[9]]
  const lineBytes = header.readUInt32BE(0) * pixelBytes
  const packed = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data))
  const lines = unfiltered(inflateSync(packed), lineBytes, pixelBytes)
  const data = deflateSync(lines, { level: 9, memLevel: 9 })
  const made = [
    png.subarray(0, SIGNATURE_BYTES),
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]
  return Buffer.concat(made)
}

function chunksOf(png) {
  const chunks = []
  for (let at = SIGNATURE_BYTES; at < png.length; ) {
    const length = png.readUInt32BE(at)
    chunks.push({
      type: png.toString('latin1', at + 4, at + 8),
      data: png.subarray(at + 8, at + 8 + length),
    })
    at += CHUNK_BYTES + length
  }
  return chunks
}

/** Each line begins with the number of its filter; 0: none. */
function unfiltered(filtered, lineBytes, pixelBytes) {
  const lines = Buffer.alloc(filtered.length)
  const stride = lineBytes + 1
  for (let from = 0; from < filtered.length; from += stride) {
    const predict = PREDICTORS[filtered[from]]
    for (let at = from + 1; at < from + stride; at++) {
      const left = at - from > pixelBytes ? lines[at - pixelBytes] : 0
      const above = from > 0 ? lines[at - stride] : 0
      const corner = from > 0 && at - from > pixelBytes ? lines[at - stride - pixelBytes] : 0
      lines[at] = filtered[at] + predict(left, above, corner)
    }
  }
  return lines
}

const PREDICTORS = [
  () => 0,
  (left) => left,
  (_left, above) => above,
  (left, above) => (left + above) >> 1,
  paeth,
]

function paeth(left, above, corner) {
  const estimate = left + above - corner
  const [toLeft, toAbove, toCorner] = [left, above, corner].map((each) => Math.abs(estimate - each))
  if (toLeft <= toAbove && toLeft <= toCorner) return left
  return toAbove <= toCorner ? above : corner
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const made = Buffer.alloc(body.length + 8)
  made.writeUInt32BE(data.length, 0)
  body.copy(made, 4)
  made.writeUInt32BE(crc32(body), body.length + 4)
  return made
}
