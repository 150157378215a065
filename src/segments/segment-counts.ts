// Counters of what segments hold, updated with each change. Retention and compaction decide
// by them without reading frames.

/** Counters of one segment, or of all segments that a bus retains. */
export interface Contents {
  /** Frames, live or not, and their bytes with entries and keys. */
  frames: number
  takenBytes: number
  /** Frames neither superseded nor removed, and their bytes with entries and keys: what a compaction keeps. */
  liveFrames: number
  liveBytes: number
  /** Live tombstones and live frames without a key. Both are kept only for a time. */
  liveTombstones: number
  liveKeyless: number
  liveKeylessBytes: number
}

/** Adds live frames to the counters; negative numbers subtract. */
export function addLive(
  contents: Contents,
  frames: number,
  bytes: number,
  tombstones: number,
  keyless: number,
): void {
  contents.liveFrames += frames
  contents.liveBytes += bytes
  contents.liveTombstones += tombstones
  contents.liveKeyless += keyless
  if (keyless !== 0) contents.liveKeylessBytes += bytes
}
