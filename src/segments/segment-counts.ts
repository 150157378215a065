// Counts of what segments hold, updated with each change. Retention and compaction decide
// by them without reading frames.

/** Counts of one segment, or of all segments that a bus retains. */
export interface SegmentCounts {
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

/** Adds live frames to the counts; negative numbers subtract. */
export function addLive(
  counts: SegmentCounts,
  frames: number,
  bytes: number,
  tombstones: number,
  keyless: number,
): void {
  counts.liveFrames += frames
  counts.liveBytes += bytes
  counts.liveTombstones += tombstones
  counts.liveKeyless += keyless
  if (keyless !== 0) counts.liveKeylessBytes += bytes
}
