// Makes a PNG of drawn pages smaller. Chromium filters each line for photographs, and takes three bytes a pixel. Of
// flat colours and text, a palette of the 256 most frequent colours takes a third of that: the others are shades of
// letters' edges, each of which becomes the nearest colour. https://www.w3.org/TR/png-3/

import { crc32, deflateSync, inflateSync } from 'node:zlib'

const SIGNATURE_BYTES = 8
/** Length and type before a chunk's data, a checksum behind it. */
const CHUNK_BYTES = 12
const BYTES_PER_PIXEL = { 2: 3, 6: 4 }

const COLOURS_MAX = 256
/** Of the header: 8 bits a pixel, colours by their number in a palette. */
const BY_PALETTE = Buffer.from([8, 3, 0, 0, 0])

/** Of 8 bits a channel, with or without transparency, as Chromium makes it. Transparency is left out. */
export function smallPng(png) {
  const chunks = chunksOf(png)
  const header = chunks.find(({ type }) => type === 'IHDR').data
  const pixelBytes = BYTES_PER_PIXEL[header[9]]
  const width = header.readUInt32BE(0)
  const packed = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data))
  const lines = unfiltered(inflateSync(packed), width * pixelBytes, pixelBytes)
  const colours = coloursOf(lines, width, pixelBytes)
  const palette = mostFrequent(colours)
  const made = [
    png.subarray(0, SIGNATURE_BYTES),
    chunk('IHDR', Buffer.concat([header.subarray(0, 8), BY_PALETTE])),
    chunk('PLTE', Buffer.from(palette.flatMap(channels))),
    chunk('IDAT', deflateSync(numbered(colours, palette, width), { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]
  return Buffer.concat(made)
}

/** Each pixel's colour as one number. */
function coloursOf(lines, width, pixelBytes) {
  const stride = width * pixelBytes + 1
  const colours = new Uint32Array((lines.length / stride) * width)
  for (let pixel = 0; pixel < colours.length; pixel++) {
    const at = Math.floor(pixel / width) * stride + 1 + (pixel % width) * pixelBytes
    colours[pixel] = lines.readUIntBE(at, 3)
  }
  return colours
}

function mostFrequent(colours) {
  const times = new Map()
  for (const colour of colours) times.set(colour, (times.get(colour) ?? 0) + 1)
  const sorted = [...times].sort(([, one], [, other]) => other - one)
  return sorted.slice(0, COLOURS_MAX).map(([colour]) => colour)
}

/** Lines of numbers of colours, each behind the number of its filter: none. */
function numbered(colours, palette, width) {
  const numbers = new Map(palette.map((colour, number) => [colour, number]))
  const lines = Buffer.alloc(colours.length + colours.length / width)
  let at = 0
  for (const [pixel, colour] of colours.entries()) {
    if (pixel % width === 0) at++
    if (!numbers.has(colour)) numbers.set(colour, nearest(colour, palette))
    lines[at++] = numbers.get(colour)
  }
  return lines
}

function nearest(colour, palette) {
  const wanted = channels(colour)
  const distances = palette.map((each) =>
    channels(each).reduce((sum, channel, at) => sum + (channel - wanted[at]) ** 2, 0),
  )
  return distances.indexOf(Math.min(...distances))
}

function channels(colour) {
  return [colour >> 16, (colour >> 8) & 0xff, colour & 0xff]
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
