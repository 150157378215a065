// HTTP/2 frames by hand (RFC 9113 section 4.1), for peers that do what no library would.

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
export const END_STREAM_AND_HEADERS = 0x5
export const HEADERS = 1

/** Without settings: the defaults. */
export const SETTINGS = frame(4, 0, 0, Buffer.alloc(0))
/** SETTINGS_INITIAL_WINDOW_SIZE of 0: no byte of any body may be sent. */
export const SETTINGS_WITHOUT_WINDOW = frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]))

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9)
  header.writeUIntBE(payload.length, 0, 3)
  header.writeUInt8(type, 3)
  header.writeUInt8(flags, 4)
  header.writeUInt32BE(stream, 5)
  return Buffer.concat([header, payload])
}

/** HPACK of a GET: indexed method and scheme, literal path and authority (RFC 7541 appendix A). */
export function getBlock(path: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x82, 0x87, 0x44, path.length]),
    Buffer.from(path),
    Buffer.from([0x41, 9]),
    Buffer.from('localhost'),
  ])
}

/** So many GETs at once, on streams 1, 3, 5 … */
export function requests(count: number, path: string): Buffer {
  const block = getBlock(path)
  return Buffer.concat(
    Array.from({ length: count }, (_, index) => frame(HEADERS, END_STREAM_AND_HEADERS, 2 * index + 1, block)),
  )
}
